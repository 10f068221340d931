"""A Dagster instance on a fresh database with our storage and coordinator, and what a queue is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import sqlalchemy as sa
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from scheduler_defs import database
from scheduler_defs.execution.queue.iteration import SignalboxQueueDaemon
from tests.patience import wait_until

INSTANCE = """
storage:
  custom:
    module: scheduler_defs.execution.storage.postgres
    class: SignalboxStorage
    config: {postgres_url: {env: SIGNALBOX_POSTGRES_URL}}
run_coordinator:
  module: scheduler_defs.execution.queue.coordinator
  class: SignalboxRunCoordinator
run_launcher:
  module: tests.unit.execution.dequeue.setting
  class: NotingLauncher
telemetry: {enabled: false}
"""


class NotingLauncher(RunLauncher[Any], ConfigurableClass):
    """Notes what it is asked to launch; raises the error it is told to, if any."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self.launched: list[str] = []
        self.error: Exception | None = None
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> NotingLauncher:
        return cls(inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        if self.error is not None:
            raise self.error
        self.launched.append(context.dagster_run.run_id)

    def terminate(self, run_id: str) -> bool:
        del run_id
        return False


@contextmanager
def queue_instance(folder: Path, url: str) -> Iterator[dg.DagsterInstance]:
    """The instance; the caller has put `url` into the environment."""
    database.upgrade(database.engine(url))
    (folder / "dagster.yaml").write_text(INSTANCE)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def submit(instance: dg.DagsterInstance, **tags: str) -> str:
    """Queue a run of a job that does not matter; returns its id. In tag names `__` stands for `/`."""
    return submit_job(instance, _nothing, {key.replace("__", "/"): value for key, value in tags.items()})


def submit_job(
    instance: dg.DagsterInstance, job: dg.JobDefinition, tags: Mapping[str, str] | None = None
) -> str:
    """Queue a run of this job; returns its id."""
    location = RegisteredCodeLocationOrigin("signalbox")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job.name)
    run = instance.create_run_for_job(job, tags=tags, remote_job_origin=origin)
    instance.run_coordinator.submit_run(SubmitRunContext(run, workspace=cast("Any", None)))
    return run.run_id


@dg.job
def _nothing() -> None:
    pass


_COPIES = sa.text(
    """
    INSERT INTO runs
        (run_id, snapshot_id, pipeline_name, status, run_body, create_timestamp, update_timestamp)
    SELECT run_id || '-' || n, snapshot_id, pipeline_name, status,
        replace(run_body, run_id, run_id || '-' || n), create_timestamp, update_timestamp
    FROM runs, generate_series(1, :number) AS n WHERE run_id = :run_id
    """
)
_TAGS = sa.text(
    """
    INSERT INTO run_tags (run_id, key, value)
    SELECT :run_id || '-' || n, key, value FROM run_tags, generate_series(1, :number) AS n
    WHERE run_id = :run_id
    """
)


def copy_run(url: str, run_id: str, number: int) -> None:
    """So many more runs like this one."""
    with database.engine(url).begin() as connection:
        for statement in (_COPIES, _TAGS):
            connection.execute(statement, {"run_id": run_id, "number": number})


def add_worker(url: str, name: str, queues: Sequence[str], slots: int) -> None:
    """A worker that has just beaten."""
    with database.engine(url).begin() as connection:
        connection.execute(
            sa.text(
                """
                INSERT INTO signalbox.workers (id, host, pid, queues, slots)
                VALUES (:id, 'h', 1, :queues, :slots)
                """
            ),
            {"id": name, "queues": list(queues), "slots": slots},
        )


def add_lease(url: str, run_id: str, worker: str) -> None:
    """A lease on a run that lives for a minute."""
    with database.engine(url).begin() as connection:
        connection.execute(
            sa.text(
                """
                INSERT INTO signalbox.leases (run_id, worker_id, host, pid, queue, token, expires)
                VALUES (:run_id, :worker, 'h', 1, 'runs', gen_random_uuid(), now() + interval '1 minute')
                """
            ),
            {"run_id": run_id, "worker": worker},
        )


def give_lease_back(url: str, run_id: str) -> None:
    with database.engine(url).begin() as connection:
        connection.execute(sa.text("DELETE FROM signalbox.leases WHERE run_id = :id"), {"id": run_id})


class Queue:
    """One daemon on one instance."""

    def __init__(self, instance: dg.DagsterInstance, url: str) -> None:
        self.instance = instance
        self.url = url
        self.daemon = SignalboxQueueDaemon(0.5)
        self.context = cast("Any", SimpleNamespace(instance=instance, create_request_context=lambda: None))

    @property
    def launcher(self) -> NotingLauncher:
        return cast("NotingLauncher", self.instance.run_launcher)

    def iterate(self) -> list[str]:
        """One pass; returns what it launched."""
        before = len(self.launcher.launched)
        list(self.daemon.run_iteration(self.context))
        wait_until(lambda: not self.daemon._launching)
        return self.launcher.launched[before:]

    def let_time_pass(self, run_id: str, seconds: float) -> None:
        """As if the run had been written to that much earlier."""
        with database.engine(self.url).begin() as connection:
            connection.execute(
                sa.text(
                    "UPDATE runs SET update_timestamp = update_timestamp - make_interval(secs => :s) "
                    "WHERE run_id = :run_id"
                ),
                {"s": seconds, "run_id": run_id},
            )

    def status(self, run_id: str) -> str:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.value
