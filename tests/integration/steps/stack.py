"""A daemon and Celery workers of our own, as processes, on a fresh database and broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import dagster as dg
import psutil
import sqlalchemy as sa
from dagster._core.definitions.reconstruct import reconstructable
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator.base import SubmitRunContext

from scheduler_defs import database
from scheduler_defs.settings import PROJECT_ROOT
from tests.integration.steps import jobs
from tests.patience import PATIENCE

T = TypeVar("T")
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


def until(ask: Callable[[], T], seconds: float = 30, what: str = "") -> T:
    """The first true answer of `ask`, asked until the time is up."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds * PATIENCE} s: {what or ask}"
        time.sleep(0.02)
    return answer


@dataclass
class Stack:
    """The processes, and what a test asks of them."""

    folder: Path
    url: str
    environment: dict[str, str]
    instance: dg.DagsterInstance
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        """Start a process in a group of its own; its output goes to `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_daemon(self) -> None:
        self.start("daemon", "dagster._daemon", "run", "--empty-workspace")

    def start_worker(self, name: str, queues: str, slots: int) -> None:
        """A Celery worker, and wait until it has registered itself."""
        app = ["celery", "-A", "scheduler_defs.execution.worker.celery_app", "worker", "-P", "prefork"]
        self.start(name, *app, "-Q", queues, "-c", str(slots), "-n", f"{name}@test", "-l", "INFO")
        pid = self.processes[name].pid
        until(lambda: self.rows("SELECT 1 FROM signalbox.workers WHERE pid = :pid", pid=pid), what=name)

    def stop(self, name: str) -> None:
        """End a process in good order; what is left of its group after ten seconds is killed."""
        process = self.processes.pop(name)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def kill(self, name: str) -> None:
        """SIGKILL to a worker's main process only, as when it crashes."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def launch(self, job: dg.JobDefinition, **tags: str) -> str:
        """Queue a run; returns its id."""
        origin = reconstructable(job).get_python_origin()
        location = RegisteredCodeLocationOrigin("signalbox")
        run = self.instance.create_run_for_job(
            job,
            tags=tags,
            remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job.name),
            job_code_origin=origin,
        )
        self.instance.run_coordinator.submit_run(SubmitRunContext(run, workspace=cast("Any", None)))
        return run.run_id

    def status(self, run_id: str) -> str:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.value

    def wait(self, run_id: str, seconds: float = 30) -> str:
        """The state in which the run ended."""

        def ended() -> str | None:
            status = self.status(run_id)
            return status if status in ENDED else None

        return cast("str", until(ended, seconds, what=f"the end of {run_id}"))

    def events(self, run_id: str) -> list[tuple[str | None, str]]:
        """Step and type of the run's events."""
        return [
            (log.step_key, log.dagster_event_type.value)
            for log in self.instance.all_logs(run_id)
            if log.dagster_event_type is not None
        ]

    def messages(self, run_id: str) -> str:
        """Everything that the run's log says, errors included."""
        lines = []
        for log in self.instance.all_logs(run_id):
            event = log.dagster_event
            lines.append(log.message)
            if event is not None and event.is_step_failure:
                lines.append(event.step_failure_data.error_display_string)
        return "\n".join(lines)

    def notes(self) -> list[str]:
        """What the steps have noted, oldest first."""
        file = self.folder / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def forget_notes(self) -> None:
        """Forget what earlier tests have left behind."""
        for file in [self.folder / "notes", self.folder / "failed-once", *self.folder.glob("*-may-end")]:
            file.unlink(missing_ok=True)

    def noted(self, start: str) -> list[str]:
        return [line for line in self.notes() if line.startswith(start)]

    def allow(self, name: str) -> None:
        """Let a waiting step end."""
        (self.folder / f"{name}-may-end").touch()

    def rows(self, statement: str, **parameters: object) -> list[Any]:
        with database.engine(self.url).connect() as connection:
            return list(connection.execute(sa.text(statement), parameters))

    def children(self, name: str) -> list[psutil.Process]:
        return psutil.Process(self.processes[name].pid).children()


def environment(folder: Path, url: str, broker: str) -> dict[str, str]:
    """What the processes of a stack find in their environment."""
    (folder / "config").mkdir(exist_ok=True)
    paths = [str(PROJECT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "DAGSTER_HOME": str(PROJECT_ROOT),
        "SIGNALBOX_POSTGRES_URL": url,
        "SIGNALBOX_BROKER_URL": broker,
        "SIGNALBOX_STATE": str(folder),
        "SIGNALBOX_CONFIG": str(folder / "config"),
        "SIGNALBOX_BEAT_SECONDS": "1",
        "SIGNALBOX_LEASE_SECONDS": "4",
        jobs.NOTES: str(folder),
    }
