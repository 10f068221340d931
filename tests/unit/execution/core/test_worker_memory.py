"""What a worker's child has for itself: little, because its parent has loaded and filled it beforehand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scheduler_defs.settings import INSTALLATION

MOST_MEGABYTES = 29.0
"""It was 45 before the parent opened an instance, read Celery's C and left the modules in peace; then 24."""

PROGRAM = """
import os, psutil
from celery.concurrency import prefork
from scheduler_defs.execution.worker import processes
from scheduler_defs.execution.worker.running import warm
from scheduler_defs.execution.worker.celery_app import app

def private_megabytes():
    rollup = open("/proc/self/smaps_rollup").read().splitlines()
    return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty:")) / 1024

warm.preload()
connections = len(psutil.Process().net_connections("all"))
child = os.fork()
if child == 0:
    prefork.process_initializer(app, "test@here")
    warm.instance().get_runs_count()
    print(connections, private_megabytes(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_when_a_worker_has_loaded_all_then_its_child_has_little_memory_of_its_own_and_no_inherited_connection(
    dagster_url: str, tmp_path: Path
) -> None:
    given = {
        **os.environ,
        "DAGSTER_HOME": str(INSTALLATION),
        "SIGNALBOX_CONFIG": str(INSTALLATION / "config"),
        "SIGNALBOX_STATE": str(tmp_path),
        "SIGNALBOX_POSTGRES_URL": dagster_url,
        "SIGNALBOX_BROKER_URL": "memory://",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=given,
        cwd=INSTALLATION,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    connections, megabytes = map(float, done.stdout.split())
    assert connections == 0
    assert megabytes < MOST_MEGABYTES
