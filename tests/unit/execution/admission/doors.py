"""The ways in which runs come to be, each through Dagster's own code."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._cli.job import _create_run
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.execution.job_backfill import create_backfill_run
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import _submit_run_request as submit_for_sensor
from dagster._scheduler.scheduler import _submit_run_request as submit_for_schedule
from dagster_graphql.client.query import (
    LAUNCH_PIPELINE_EXECUTION_MUTATION,
    LAUNCH_PIPELINE_REEXECUTION_MUTATION,
)
from dagster_graphql.test.utils import execute_dagster_graphql

from scheduler_defs import launching
from scheduler_defs.agents.launching import for_task
from scheduler_defs.declarations import Declarations, current
from scheduler_defs.launching import Launch
from scheduler_defs.settings import settings
from sensors.retries import requests as retry_requests

LOCATION = "signalbox"
DUE = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
_logger = logging.getLogger(__name__)


@dataclass
class Doors:
    """One instance with one code location. Every method launches a run and returns it as it is stored."""

    context: WorkspaceProcessContext

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.context.instance

    @property
    def declarations(self) -> Declarations:
        where = settings()
        return current(where.config, where.state).declarations

    def run(self, run_id: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run_id)
        assert found is not None
        return found

    def runs(self) -> list[str]:
        return [run.run_id for run in self.instance.get_runs()]

    def launchpad(self, job: str, tags: Mapping[str, str] | None = None, **more: Any) -> dg.DagsterRun:
        """As the UI and `DagsterGraphQLClient` do it: `launchRun`."""
        return self.run(self.launch_answer(job, tags, **more)["run"]["runId"])

    def launch_answer(self, job: str, tags: Mapping[str, str] | None = None, **more: Any) -> Any:
        """What the launchpad is told, also when it is refused."""
        given = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        selector = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
        answer = self._mutate(
            LAUNCH_PIPELINE_EXECUTION_MUTATION,
            executionParams={
                "selector": {**selector, "pipelineName": job, **more.get("selector", {})},
                "runConfigData": more.get("config", {}),
                "executionMetadata": {"tags": given},
                "mode": "default",
            },
        )
        return answer["launchPipelineExecution"]

    def command(self, launch: Launch) -> dg.DagsterRun:
        """As `signalbox jobs launch` and `schedules run`: GraphQL with what `launching` composes."""
        return self.launchpad(launch.job, launch.tags, config=dict(launch.run_config))

    def jobs_launch(self, job: str) -> dg.DagsterRun:
        return self.command(launching.for_job(self.declarations, job, actor="ann"))

    def schedules_run(self, schedule: str) -> dg.DagsterRun:
        found = self.declarations.schedules[schedule]
        return self.command(launching.for_run_now(self.declarations, found, actor="ann"))

    def reexecution(self, parent: dg.DagsterRun) -> dg.DagsterRun:
        """As the UI does it."""
        answer = self._mutate(
            LAUNCH_PIPELINE_REEXECUTION_MUTATION,
            reexecutionParams={
                "parentRunId": parent.run_id,
                "strategy": "ALL_STEPS",
                "useParentRunTags": True,
            },
        )
        return self.run(answer["launchPipelineReexecution"]["run"]["runId"])

    def dagster_job_launch(self, job: str) -> dg.DagsterRun:
        request = self.context.create_request_context()
        location = request.get_code_location(LOCATION)
        repository = location.get_repository("__repository__")
        made = _create_run(
            self.instance, location, repository, repository.get_full_job(job), {}, {}, None, None
        )
        self.instance.submit_run(made.run_id, request)
        return self.run(made.run_id)

    def schedule(self, name: str, at: dt.datetime = DUE, tick: str = "7", due: dt.datetime = DUE) -> Any:
        """A tick at `at` of a declared schedule, which asks for the occurrence `due`."""
        launch = launching.for_occurrence(self.declarations, self.declarations.schedules[name], due)
        request = dg.RunRequest(
            run_key=launch.run_key, run_config=dict(launch.run_config), tags=dict(launch.tags)
        )
        return self.tick_of_schedule(name.replace("-", "_"), request, at, tick)

    def tick_of_schedule(self, name: str, request: dg.RunRequest, at: dt.datetime, tick: str = "7") -> Any:
        location = self.context.create_request_context().get_code_location(LOCATION)
        remote = location.get_repository("__repository__").get_schedule(name)
        tags = {
            **dg.DagsterRun.tags_for_schedule(cast("Any", remote)),
            **request.tags,
            **dg.DagsterRun.tags_for_tick_id(tick),
        }
        made = submit_for_schedule(
            request.with_replaced_attrs(tags=tags), self.context, remote, at, _logger, None
        )
        assert made.error_info is None
        return self.run(cast("Any", made.existing_run or made.submitted_run).run_id)

    def sensor(
        self, name: str, request: dg.RunRequest, *, known: dict[str, dg.DagsterRun] | None = None
    ) -> dg.DagsterRun:
        """A tick of the sensor. `known`: the runs of these keys, as the daemon has looked them up before."""
        location = self.context.create_request_context().get_code_location(LOCATION)
        remote = location.get_repository("__repository__").get_sensor(name)
        made = submit_for_sensor(
            str(uuid.uuid4()),
            request.with_replaced_attrs(tags={**request.tags, **dg.DagsterRun.tags_for_tick_id("9")}),
            self.context,
            remote,
            {} if known is None else known,
            _logger,
            None,
        )
        assert made.error_info is None
        run = cast("Any", made.run)
        return self.run(run.run_id if isinstance(run, dg.DagsterRun) else run.existing_run.run_id)

    def retry(self, failed: dg.DagsterRun) -> dg.DagsterRun:
        """As the sensor `retries` asks for it."""
        from scheduler_defs.execution.lookups.retries_due import PendingRetry

        due = [PendingRetry(failed.run_id, DUE)]
        (request,) = retry_requests(self.instance, due, {failed.job_name})
        return self.sensor("retries", request)

    def agent_queue(self, attempt: int = 1, again: str = "") -> dg.DagsterRun:
        agent = self.declarations.agents["vaela"]
        launch = for_task(
            agent,
            backend="postgres",
            queue="dev",
            task=5,
            run_key=f"task:postgres:5:{attempt}{again}",
            attempt=attempt,
            max_attempts=3,
            priority=2,
        )
        request = dg.RunRequest(
            run_key=launch.run_key, run_config=dict(launch.run_config), tags=dict(launch.tags)
        )
        return self.sensor("agent_queue_dev", request.with_replaced_attrs(job_name=launch.job))

    def backfill(self, job: str, partition: str = "a", backfill_id: str = "fill") -> dg.DagsterRun:
        request = self.context.create_request_context()
        location = request.get_code_location(LOCATION)
        repository = location.get_repository("__repository__")
        (parts,) = (each for each in repository.get_partition_sets() if each.job_name == job)
        action = PartitionBackfill(
            backfill_id=backfill_id,
            partition_set_origin=parts.get_remote_origin(),
            status=BulkActionStatus.REQUESTED,
            partition_names=[partition],
            from_failure=False,
            reexecution_steps=None,
            tags={},
            backfill_timestamp=0.0,
        )
        made = create_backfill_run(
            request,
            self.instance,
            location,
            repository.get_full_job(job),
            parts,
            action,
            partition,
            {"dagster/partition": partition},
            {},
        )
        assert made is not None
        self.instance.submit_run(made.run_id, request)
        return self.run(made.run_id)

    def fail(self, run: dg.DagsterRun) -> dg.DagsterRun:
        self.instance.report_run_failed(run)
        return self.run(run.run_id)

    def _mutate(self, mutation: str, **variables: Any) -> Any:
        result = execute_dagster_graphql(self.context.create_request_context(), mutation, variables)
        assert not result.errors, result.errors
        return result.data


@contextmanager
def doors(instance: dg.DagsterInstance, module: Path) -> Iterator[Doors]:
    target = InProcessWorkspaceLoadTarget(
        InProcessCodeLocationOrigin(
            LoadableTargetOrigin(python_file=str(module), attribute="defs", executable_path=""),
            location_name=LOCATION,
        )
    )
    with warnings.catch_warnings():
        # Dagster reads properties of its own that it has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        with WorkspaceProcessContext(instance, target) as context:
            yield Doors(context)
