"""A Dagster instance, and Celery workers in processes of their own, for the tests of this folder."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.code_pointer import FileCodePointer, ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from scheduler_defs import database
from scheduler_defs.settings import OWN_LOCATION
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[3]
YARD = Path(__file__).with_name("yard.py")
FINISHED = ("SUCCESS", "FAILURE", "CANCELED")


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class WorkerProcess:
    """One Celery worker: its main process and its children."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def children(self) -> list[int]:
        import psutil

        return [child.pid for child in psutil.Process(self.pid).children()]

    def end(self, with_signal: int = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
            os.kill(self.pid, with_signal)
        self.process.wait(timeout=20)


@dataclass
class Yard:
    """Launches runs of yard.py and looks at what became of them."""

    instance: dg.DagsterInstance
    state: Path
    environment: Mapping[str, str]
    source: Path = YARD
    module: str = "tests.integration.execution.yard"
    workers: list[WorkerProcess] = field(default_factory=list)

    def start_worker(
        self,
        slots: int = 2,
        queues: str = "runs",
        environment: Mapping[str, str] | None = None,
        app: str = "scheduler_defs.execution.worker.celery_app",
    ) -> WorkerProcess:
        name = f"w{len(self.workers)}-{uuid.uuid4().hex[:6]}"
        log = self.state / f"{name}.log"
        argv = [
            *(sys.executable, "-m", "celery", "-A", app, "worker"),
            *("-P", "prefork", "-Q", queues, "--autoscale", f"{slots},0", "-n", f"{name}@%h", "-l", "INFO"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
        with log.open("wb") as file:
            process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, **self.environment, **(environment or {})},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker = WorkerProcess(process, log)
        self.workers.append(worker)
        self.wait_for(
            lambda: process.pid in self.column("SELECT pid FROM signalbox.workers"),
            "the worker to register",
            30,
        )
        return worker

    def create(
        self, job: str, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """A run of `job`, not launched. `config` is the config of its only op."""
        repository = ReconstructableRepository(
            ModuleCodePointer(self.module, "defs", None), executable_path=sys.executable
        )
        target = repository.get_reconstructable_job(job)
        # In this process from the file, so that the module stays unknown here.
        definition = (
            ReconstructableRepository(FileCodePointer(str(self.source), "defs", str(self.source.parent)))
            .get_reconstructable_job(job)
            .get_definition()
        )
        op = definition.nodes[0].name
        run = self.instance.create_run_for_job(
            definition,
            run_config={"ops": {op: {"config": dict(config)}}} if config else {},
            tags=tags,
            job_code_origin=target.get_python_origin(),
            remote_job_origin=RemoteJobOrigin(
                RemoteRepositoryOrigin(
                    ManagedGrpcPythonEnvCodeLocationOrigin(
                        LoadableTargetOrigin(python_file=str(self.source)), OWN_LOCATION
                    ),
                    "__repository__",
                ),
                job,
            ),
        )
        return run.run_id

    def launch(
        self, job: str, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        run_id = self.create(job, config, tags)
        self.instance.launch_run(run_id, workspace=None)  # type: ignore[arg-type]
        return run_id

    def status(self, run_id: str) -> str:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.value

    def tags(self, run_id: str) -> Mapping[str, str]:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.tags

    def wait(self, run_id: str, *statuses: str, seconds: float = 30) -> str:
        wanted = statuses or FINISHED
        self.wait_for(lambda: self.status(run_id) in wanted, f"run to be {wanted}", seconds)
        return self.status(run_id)

    def wait_for(self, condition: Callable[[], Any], what: str, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds * PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {w.log.name}\n{w.log.read_text()[-6000:]}" for w in self.workers)
                raise AssertionError(f"waited {seconds * PATIENCE} s for {what}\n{logs}")
            time.sleep(0.02)

    def messages(self, run_id: str) -> list[str]:
        found: list[str] = []
        for entry in self.instance.all_logs(run_id):
            kind = entry.dagster_event_type.value if entry.dagster_event_type else "LOG"
            data = entry.dagster_event.event_specific_data if entry.dagster_event else None
            error = getattr(data, "error", None)
            found.append(f"{kind}: {entry.message} {error.to_string() if error else ''}")
        return found

    def leases(self, run_id: str | None = None) -> Sequence[Any]:
        return self.column(
            "SELECT run_id FROM signalbox.leases WHERE coalesce(:run_id, run_id) = run_id", run_id=run_id
        )

    def live_leases(self) -> Sequence[Any]:
        return self.column("SELECT run_id FROM signalbox.leases WHERE lost IS NULL")

    def column(self, statement: str, **parameters: Any) -> Sequence[Any]:
        with database.engine().connect() as connection:
            return connection.execute(sa.text(statement), parameters).scalars().all()

    def monitor(self) -> None:
        """One pass of what the daemon's run monitoring does with each run."""
        for run in self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            self.instance.run_launcher.check_run_worker_health(run)


def forget_messages(broker_url: str) -> None:
    """Empty the queues of a broker that other tests have used."""
    from kombu import Connection

    with Connection(broker_url) as connection, connection.channel() as channel:
        for queue in ("runs", "steps"):
            channel.queue_delete(queue)


@contextlib.contextmanager
def yard(
    postgres_url: str, broker_url: str, state: Path, extra: Mapping[str, str] | None = None
) -> Iterator[Yard]:
    environment = {
        "DAGSTER_HOME": str(ROOT),
        "SIGNALBOX_STATE": str(state),
        "SIGNALBOX_POSTGRES_URL": postgres_url,
        "SIGNALBOX_BROKER_URL": broker_url,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
        **(extra or {}),
    }
    before = dict(os.environ)
    os.environ.update(environment)
    from scheduler_defs.execution.worker import celery_app

    forget_messages(broker_url)
    celery_app.app = celery_app.make_app(broker_url)
    database.upgrade(database.engine())
    instance = dg.DagsterInstance.get()
    found = Yard(instance, state, environment)
    try:
        yield found
    finally:
        for worker in found.workers:
            worker.end()
        instance.dispose()
        celery_app.app.close()
        database.engine().dispose()
        os.environ.clear()
        os.environ.update(before)
