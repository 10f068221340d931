"""A run in an environment of its own: a process of that Python, which has the run's end with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import DagsterRun
from dagster._serdes import ConfigurableClassData, serialize_value

from scheduler_defs.execution.elsewhere.answering import answering
from scheduler_defs.execution.elsewhere.place import Place
from scheduler_defs.settings import BROKER_URL, POSTGRES_URL, settings

BRIDGE = "signalbox_bridge"
_FOLDER = Path(__file__).parent / "bridge"
_NOT_INHERITED = (POSTGRES_URL, BROKER_URL, "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "DAGSTER_HOME")
_LINES_KEPT = 20


def execute_in_environment(instance: dg.DagsterInstance, run: DagsterRun, place: Place) -> tuple[int, str]:
    """Execute the run to its end; the process' exit code, and the last line that it wrote to stderr.

    Called in a process that ends with the run, and everything below it. SIGTERM is passed on. Raises OSError
    when the environment's Python cannot be started.
    """
    folder = Path(tempfile.mkdtemp(prefix="signalbox-"))
    try:
        with answering(instance, folder) as address:
            argv = (
                *(place.executable or sys.executable, "-m", BRIDGE, run.run_id),
                serialize_value(reference(address)),
            )
            with subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=place.working_directory,
                env=variables(os.environ),
                umask=0o077,
            ) as process:
                before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
                assert process.stderr is not None
                last: deque[str] = deque(maxlen=_LINES_KEPT)
                reader = threading.Thread(target=_repeat, args=(process.stderr, last), daemon=True)
                reader.start()
                code = process.wait()
                reader.join(1.0)
                signal.signal(signal.SIGTERM, before)
                return code, next((line for line in reversed(last) if line.strip()), "").strip()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process: this one's, without our addresses and the paths of our Python."""
    kept = {name: value for name, value in environ.items() if name not in _NOT_INHERITED}
    return {**kept, "PYTHONPATH": str(_FOLDER), "DAGSTER_DISABLE_TELEMETRY": "1"}


def reference(address: str) -> InstanceRef:
    """An instance whose storages are behind the socket; its files are where the stack's are."""

    def bridged(name: str) -> ConfigurableClassData:
        return ConfigurableClassData(BRIDGE, name, json.dumps({"address": address}))

    state = settings().state
    return InstanceRef(
        local_artifact_storage_data=_of_dagster(
            "dagster._core.storage.root", "LocalArtifactStorage", {"base_dir": str(state / "dagster")}
        ),
        compute_logs_data=_of_dagster(
            "dagster._core.storage.local_compute_log_manager",
            "LocalComputeLogManager",
            {"base_dir": str(state / "compute_logs")},
        ),
        scheduler_data=None,
        run_coordinator_data=_of_dagster("dagster._core.run_coordinator", "DefaultRunCoordinator", {}),
        run_launcher_data=_of_dagster("dagster._core.launcher", "DefaultRunLauncher", {}),
        settings={"telemetry": {"enabled": False}},
        run_storage_data=bridged("BridgedRuns"),
        event_storage_data=bridged("BridgedEvents"),
        schedule_storage_data=bridged("BridgedSchedules"),
    )


def _of_dagster(module: str, name: str, config: Mapping[str, str]) -> ConfigurableClassData:
    return ConfigurableClassData(module, name, json.dumps(dict(config)))


def _repeat(stream: IO[bytes], last: deque[str]) -> None:
    for line in stream:
        text = line.decode(errors="replace")
        last.append(text)
        sys.stderr.write(text)
