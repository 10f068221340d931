"""Several partitions of another location's job or assets: one backfill, which Dagster's daemon follows."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import RunRequest
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.execution.asset_backfill import execute_asset_backfill_iteration
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.execution.job_backfill import execute_job_backfill_iteration
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget

from scheduler_defs import tags
from scheduler_defs.execution.dagster_patches.elsewhere_runs import submitted
from scheduler_defs.execution.elsewhere.creating import launchable
from scheduler_defs.execution.elsewhere.target import Target, backfill_id, together

PROJECT = Path(__file__).with_name("elsewhere_project.py")
DAYS = [dt.datetime(2026, 3, day, 2, 0, tzinfo=dt.UTC) for day in (3, 4, 5)]
RUN_ID = "8a1f1c1e-0000-4000-8000-00000000000"
LOG = logging.getLogger(__name__)


@dataclass
class Daemon:
    """The workspace of a daemon with the location `ml`, where runs are queued and never started."""

    context: WorkspaceProcessContext

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.context.instance

    def runs(self) -> dict[str, dg.DagsterRun]:
        """All runs, by partition."""
        return {run.tags["dagster/partition"]: run for run in self.instance.get_runs()}

    def follow(self, backfill: str) -> BulkActionStatus:
        """One look of Dagster's own daemon at a backfill; its status."""
        found = self.instance.get_backfill(backfill)
        assert found is not None
        if found.is_asset_backfill:
            asyncio.run(execute_asset_backfill_iteration(found, LOG, self.context, self.instance))
        else:
            execute_job_backfill_iteration(found, LOG, self.context, None, self.instance)
        found = self.instance.get_backfill(backfill)
        assert found is not None
        return found.status

    def succeed(self, runs: Sequence[dg.DagsterRun]) -> None:
        """Have them end well, their assets made."""
        for run in runs:
            for key in run.asset_selection or ():
                made = dg.AssetMaterialization(key, partition=run.tags["dagster/partition"])
                kind = DagsterEventType.ASSET_MATERIALIZATION.value
                event = DagsterEvent(
                    kind, run.job_name, event_specific_data=StepMaterializationData(made, [])
                )
                self.instance.report_dagster_event(event, run.run_id)
            end = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, run.job_name)
            self.instance.report_dagster_event(end, run.run_id)


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceProcessContext]:
    folder = tmp_path_factory.mktemp("instance")
    queued = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}
    target = PythonFileTarget(str(PROJECT), None, str(PROJECT.parent), "ml")
    with (
        dg.DagsterInstance.local_temp(str(folder), overrides={"run_coordinator": queued}) as instance,
        WorkspaceProcessContext(instance, target) as found,
    ):
        yield found


@pytest.fixture
def daemon(location: WorkspaceProcessContext) -> Daemon:
    location.instance.wipe()
    return Daemon(location)


def ask(daemon: Daemon, target: Target, run_id: str, **more: str) -> dg.DagsterRun:
    """As the schedule loop does for an occurrence of a schedule."""
    asked = {tags.ELSEWHERE: target.dumped(), tags.ORDERED_RUN: run_id, tags.SCHEDULE: "nightly", **more}
    run, _ = submitted(daemon.context, RunRequest(run_key=f"key {run_id}", tags=asked), run_id, {})
    return run


@pytest.mark.parametrize("what", [{"job": "daily_job"}, {"selection": "group:daily"}], ids=["job", "assets"])
def test_given_the_last_three_then_each_has_a_run_and_dagsters_daemon_follows_them_to_the_end(
    daemon: Daemon, what: dict[str, str]
) -> None:
    target = Target("ml", **what, last=3).at(DAYS[2])
    run = ask(daemon, target, RUN_ID + "1")
    assert (run.run_id, run.tags["dagster/partition"]) == (RUN_ID + "1", "2026-03-04")
    backfill = backfill_id(run.run_id)
    runs = daemon.runs()
    assert sorted(runs) == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert {each.status for each in runs.values()} == {dg.DagsterRunStatus.QUEUED}
    assert {each.tags[tags.BACKFILL] for each in runs.values()} == {backfill}
    assert {each.tags[tags.SCHEDULE] for each in runs.values()} == {"nightly"}
    assert runs["2026-03-02"].tags[tags.TRIGGER] == "backfill"
    assert tags.TRIGGER not in run.tags

    assert daemon.follow(backfill) is BulkActionStatus.REQUESTED
    ended = list(runs.values())
    daemon.succeed(ended[:2])
    assert daemon.follow(backfill) is BulkActionStatus.REQUESTED
    daemon.succeed(ended[2:])
    assert daemon.follow(backfill) is BulkActionStatus.COMPLETED_SUCCESS
    assert daemon.instance.get_runs_count() == 3


@pytest.mark.parametrize("what", [{"job": "daily_job"}, {"selection": "group:daily"}], ids=["job", "assets"])
def test_given_caught_up_occurrences_then_their_runs_are_one_backfill(
    daemon: Daemon, what: dict[str, str]
) -> None:
    others = together("nightly", DAYS[0], DAYS)
    for number, due in enumerate(DAYS):
        ask(daemon, Target("ml", **what).at(due).among(others), f"{RUN_ID}{number}")
        assert daemon.follow(others.backfill) is BulkActionStatus.REQUESTED
    runs = daemon.runs()
    assert {key: run.run_id[-1] for key, run in runs.items()} == {
        "2026-03-02": "0",
        "2026-03-03": "1",
        "2026-03-04": "2",
    }
    (backfill,) = daemon.instance.get_backfills()
    assert backfill.backfill_id == others.backfill
    assert backfill.tags == {tags.SCHEDULE: "nightly"}
    daemon.succeed(list(runs.values()))
    assert daemon.follow(others.backfill) is BulkActionStatus.COMPLETED_SUCCESS
    assert daemon.instance.get_runs_count() == 3


def test_given_a_run_that_fails_then_so_does_the_backfill(daemon: Daemon) -> None:
    run = ask(daemon, Target("ml", selection="group:daily", last=2).at(DAYS[2]), RUN_ID + "1")
    first, second = daemon.runs().values()
    daemon.succeed([first])
    daemon.instance.report_run_failed(second)
    backfill = backfill_id(run.run_id)
    assert daemon.follow(backfill) is BulkActionStatus.COMPLETED_FAILED


def test_given_a_daemon_that_died_on_the_way_then_asking_again_launches_what_is_lacking_and_nothing_twice(
    daemon: Daemon,
) -> None:
    target = Target("ml", job="daily_job", last=3).at(DAYS[2])
    begun = launchable(daemon.context.create_request_context(), target, {}, {}, RUN_ID + "1")
    assert begun.status is dg.DagsterRunStatus.NOT_STARTED
    for _ in range(2):
        assert ask(daemon, target, RUN_ID + "1").run_id == begun.run_id
    runs = daemon.runs().values()
    assert [run.status for run in runs] == [dg.DagsterRunStatus.QUEUED] * 3
    assert daemon.instance.get_runs_count() == 3
    assert len(daemon.instance.get_backfills()) == 1


def test_given_runs_that_ended_before_the_last_was_asked_for_then_the_backfill_goes_on(
    daemon: Daemon,
) -> None:
    others = together("nightly", DAYS[0], DAYS[:2])
    target = Target("ml", job="daily_job")
    first = ask(daemon, target.at(DAYS[0]).among(others), RUN_ID + "1")
    daemon.succeed([first])
    assert daemon.follow(others.backfill) is BulkActionStatus.COMPLETED_SUCCESS
    second = ask(daemon, target.at(DAYS[1]).among(others), RUN_ID + "2")
    assert daemon.follow(others.backfill) is BulkActionStatus.REQUESTED
    daemon.succeed([second])
    assert daemon.follow(others.backfill) is BulkActionStatus.COMPLETED_SUCCESS


def test_given_more_partitions_than_there_are_then_those_that_are_there(daemon: Daemon) -> None:
    ask(daemon, Target("ml", job="region_job", last=5).at(DAYS[0]), RUN_ID + "1")
    assert daemon.runs().keys() == {"europe", "asia"}


def test_given_what_has_no_partitions_then_catching_up_is_runs_without_a_backfill(daemon: Daemon) -> None:
    others = together("nightly", DAYS[0], DAYS)
    run = ask(daemon, Target("ml", job="train").at(DAYS[0]).among(others), RUN_ID + "1")
    assert tags.BACKFILL not in run.tags
    assert daemon.instance.get_backfills() == []
