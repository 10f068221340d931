"""What tells a daemon's tick from a preview, and how the daemon makes runs: private, and relied upon."""

from __future__ import annotations

import datetime as dt
import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    Definitions,
    JsonMetadataValue,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
    instance_for_test,
    job,
)
from dagster._core.definitions.selector import ScheduleSelector
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.remote_representation.external import RemoteSchedule
from dagster._core.remote_representation.external_data import ScheduleSnap
from dagster._core.remote_representation.handle import RepositoryHandle
from dagster._core.telemetry import log_action
from dagster._daemon import controller, sensor  # noqa: F401 - the daemon's modules import each other
from dagster._scheduler import scheduler
from dagster_graphql.schema import instigation
from dagster_graphql.schema.instigation import GrapheneDryRunInstigationTick

from scheduler_defs import tags
from scheduler_defs.declarations.normalising import brief_rule
from scheduler_defs.execution.dagster_patches import elsewhere_runs, ordered_runs, schedule_times, tick_times
from scheduler_defs.execution.dagster_patches.instigators import is_dry_run
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.timing import EverySpec, Policies, Unit
from scheduler_defs.web import next_ticks

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(("key", "dry"), [(None, True), (["signalbox", "nightly", "417"], False)])
def test_a_tick_without_a_ticks_log_key_is_a_dry_run(key: list[str] | None, dry: bool) -> None:
    of_schedule = ScheduleEvaluationContext(
        None, NOON, repository_name="signalbox", schedule_name="nightly", log_key=key
    )
    of_sensor = SensorEvaluationContext(
        None, None, None, None, repository_name="signalbox", sensor_name="alerts", log_key=key
    )
    assert (is_dry_run(of_schedule), is_dry_run(of_sensor)) == (dry, dry)


@pytest.mark.parametrize("launching", [scheduler._ScheduleLaunchContext, sensor.SensorLaunchContext])
def test_the_daemons_log_keys_end_in_the_number_of_the_tick(launching: Any) -> None:
    source = inspect.getsource(launching.log_key.fget)
    assert "tick_id" in source


def test_previews_of_the_webserver_have_no_log_key() -> None:
    source = inspect.getsource(GrapheneDryRunInstigationTick.resolve_evaluationResult)
    assert source.count("log_key=None") == source.count("_execution_data(") == 2


def test_the_daemon_asks_for_its_runs_through_the_two_functions_that_are_replaced() -> None:
    source = inspect.getsource(elsewhere_runs._of_schedule)
    assert "_get_existing_run_for_request(" in source
    assert "_create_scheduler_run(" in source
    assert "run_id=None" in inspect.getsource(ordered_runs._create)


def test_what_stands_in_for_the_instance_passes_dagsters_checks() -> None:
    with instance_for_test() as instance:
        stand_in: Any = ordered_runs._UnderId(instance, "abc")
        assert isinstance(stand_in, DagsterInstance)
        assert stand_in.run_storage is instance.run_storage
        log_action(stand_in, "an action")


def test_a_run_is_made_under_its_ordered_id_and_a_second_one_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[dict[str, Any]] = []

    def create(instance: Any, *arguments: Any) -> Any:
        request = arguments[-1]
        made.append(dict(request.tags))
        values = dict.fromkeys(inspect.signature(DagsterInstance.create_run).parameters)
        del values["self"]
        return instance.create_run(**values)

    class Instance:
        runs: dict[str, str] = {}  # noqa: RUF012 - one test

        def create_run(self, **values: Any) -> str:
            if values["run_id"] in self.runs:
                raise DagsterRunAlreadyExists
            return self.runs.setdefault(values["run_id"], f"run {values['run_id']}")

        def get_run_by_id(self, run_id: str) -> str | None:
            return self.runs.get(run_id)

    monkeypatch.setattr(ordered_runs, "_create", create)
    instance: Any = Instance()
    nothing: Any = None
    request = RunRequest(run_key="k", tags={tags.ORDERED_RUN: "abc", "team": "x"})
    assert ordered_runs.existing_run(instance, nothing, NOON, request) is None
    first, second = (
        ordered_runs.create_run(instance, NOON, nothing, nothing, nothing, request) for _ in range(2)
    )
    assert first == second == "run abc"
    assert made == [{"team": "x"}] * 2
    assert ordered_runs.existing_run(instance, nothing, NOON, request) == first


def test_the_daemon_asks_for_the_times_of_ticks_through_the_method_that_is_replaced() -> None:
    source = inspect.getsource(schedule_times._launch)  # as Dagster has it: ours stands in its place
    assert source.count("remote_schedule.execution_time_iterator(start_timestamp_utc)") == 1
    assert list(inspect.signature(tick_times._of_cron).parameters) == ["self", "start_timestamp", "ascending"]
    assert "previous_iteration_times.should_run_next_iteration(" in inspect.getsource(
        scheduler.launch_scheduled_runs
    )


@pytest.mark.filterwarnings("ignore:.*environment_vars.*:DeprecationWarning")
def test_the_metadata_of_a_schedule_reach_daemon_and_webserver() -> None:
    spec = EverySpec(2, Unit.MINUTE, NOON - dt.timedelta(minutes=3))
    written = brief_rule(SimpleNamespace(timing=spec, policies=Policies(end=NOON)))

    @job
    def report() -> None:
        pass

    made = ScheduleDefinition(
        name="s",
        job=report,
        cron_schedule="* * * * *",
        metadata={"declared": "s", tags.DUE: JsonMetadataValue(written)},
    )
    definitions: Any = Definitions(schedules=[made]).get_repository_def()
    snap = ScheduleSnap.from_def(made, definitions)
    remote = RemoteSchedule(snap, RepositoryHandle.for_test())
    assert tick_times.rule_of(remote) == written
    found = tick_times.tick_times(remote, NOON.timestamp() - 3_600)
    assert [next(found).minute for _ in range(2)] == [57, 59]
    assert next(found) >= tick_times.NEVER


def test_the_webserver_asks_for_the_next_tick_through_the_name_that_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve = instigation.GrapheneInstigationState.resolve_nextTick
    assert "get_schedule_next_tick(graphene_info, self._instigator_state)" in inspect.getsource(resolve)
    for moment, shown in ((NOON, True), (tick_times.NEVER, False)):
        tick = GrapheneDryRunInstigationTick(
            ScheduleSelector(location_name="a", repository_name="b", schedule_name="s"), moment.timestamp()
        )
        monkeypatch.setattr(next_ticks, "_next_tick", lambda _info, _state, found=tick: found)
        assert (next_ticks.next_tick(None, None) is tick) is shown


def test_the_daemon_forgets_the_switch_of_a_schedule_that_is_gone_after_twelve_hours() -> None:
    assert scheduler.RETAIN_ORPHANED_STATE_INTERVAL_SECONDS == 12 * 3600
    assert "not ticked for 12 hours" in " ".join((PROJECT_ROOT / "docs" / "concepts.md").read_text().split())
