"""The pooled storage against a real Postgres."""

import datetime as dt
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.events import StepMaterializationData
from dagster._core.scheduler.instigation import TickData, TickStatus
from dagster._core.snap import ExecutionPlanSnapshot
from dagster._core.snap.execution_plan_snapshot import create_execution_plan_snapshot_id
from dagster._core.test_utils import freeze_time

from scheduler_defs import database
from scheduler_defs.execution.dagster_patches import ticks
from scheduler_defs.execution.storage.events import PooledEventLogStorage
from scheduler_defs.execution.storage.pool import PoolOptions, connection, patiently, pooled_engine
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from scheduler_defs.execution.storage.writes.write import KnownRun
from tests.unit.execution.core.setting import Setting

Kind = dg.DagsterEventType


def _events(setting: Setting) -> PooledEventLogStorage:
    found = setting.instance.event_log_storage
    assert isinstance(found, PooledEventLogStorage)
    return found


def _backends(url: str) -> set[int]:
    with connection(PoolOptions(url)) as found:
        return set(
            found.execute(
                sa.text(
                    "SELECT pid FROM pg_stat_activity"
                    " WHERE application_name = 'signalbox-dagster' AND datname = current_database()"
                )
            ).scalars()
        )


def test_given_config_as_in_dagster_yaml_then_the_subclass_is_built(postgres_url: str) -> None:
    storage = SignalboxStorage.from_config_value(None, {"postgres_url": postgres_url})
    assert type(storage) is SignalboxStorage
    assert type(storage.event_log_storage) is PooledEventLogStorage


def test_given_many_statements_then_one_connection_serves_the_three_storages(
    setting: Setting, dagster_url: str
) -> None:
    before = _backends(dagster_url)
    for _ in range(5):
        setting.status(setting.run("QUEUED"))
        setting.instance.all_instigator_state()
    assert _backends(dagster_url) == before
    assert len(before) <= 2  # creating the tables nests two


def test_given_a_fork_then_the_child_has_connections_of_its_own_and_the_parents_still_work(
    setting: Setting, dagster_url: str
) -> None:
    run_id = setting.run("QUEUED")
    before = _backends(dagster_url)
    pool = multiprocessing.get_context("fork")
    queue = pool.Queue()

    def child() -> None:
        queue.put((setting.status(run_id), os.getpid()))

    process = pool.Process(target=child)
    process.start()
    assert queue.get(timeout=10)[0] == "QUEUED"
    process.join(10)
    assert before <= _backends(dagster_url)
    assert setting.status(run_id) == "QUEUED"


def test_given_the_webserver_optimises_then_there_is_a_statement_time_out_and_still_a_pool(
    setting: Setting, dagster_url: str
) -> None:
    for storage in (
        setting.storage.run_storage,
        setting.storage.event_log_storage,
        setting.storage.schedule_storage,
    ):
        storage.optimize_for_webserver(statement_timeout=500, pool_recycle=3600, max_overflow=20)
    with setting.storage.run_storage.connect() as found, pytest.raises(sa.exc.OperationalError):  # type: ignore[attr-defined]
        found.execute(sa.text("SELECT pg_sleep(2)"))
    assert setting.status(setting.run("QUEUED")) == "QUEUED"


def test_given_the_server_closes_idle_connections_then_the_next_statement_takes_another(
    setting: Setting, dagster_url: str
) -> None:
    run_id = setting.run("QUEUED")
    with database.engine().begin() as admin:
        admin.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'signalbox-dagster'"
            )
        )
    time.sleep(0.05)
    assert setting.status(run_id) == "QUEUED"


def test_given_a_database_that_is_away_then_it_is_waited_for_and_a_bad_statement_is_not_repeated() -> None:
    tries: list[int] = []

    def away() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise sa.exc.OperationalError("SELECT 1", {}, Exception("gone"))
        return "back"

    assert patiently(away, patience=5) == "back"

    def bad() -> None:
        tries.append(1)
        raise sa.exc.ProgrammingError("SELEC 1", {}, Exception("syntax"))

    tries.clear()
    with pytest.raises(sa.exc.ProgrammingError):
        patiently(bad, patience=5)
    assert len(tries) == 1


def test_given_two_writers_of_tags_then_none_of_their_tags_is_lost(setting: Setting) -> None:
    run_id = setting.run("STARTED")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: setting.instance.add_run_tags(run_id, {f"t{n}": str(n)}), range(24)))
    assert setting.get(run_id).tags == {f"t{n}": str(n) for n in range(24)}
    with database.engine().connect() as found:
        count = found.execute(
            sa.text("SELECT count(*), count(DISTINCT key) FROM run_tags WHERE key LIKE 't%'")
        ).one()
    assert tuple(count) == (24, 24)


def test_given_a_tag_that_changes_then_there_is_one_of_it(setting: Setting) -> None:
    run_id = setting.run("STARTED", tags={"a": "1"})
    setting.instance.add_run_tags(run_id, {"a": "2", "b": "1"})
    assert setting.get(run_id).tags == {"a": "2", "b": "1"}
    assert [r.run_id for r in setting.instance.get_runs(dg.RunsFilter(tags={"a": "2"}))] == [run_id]
    assert not setting.instance.get_runs(dg.RunsFilter(tags={"a": "1"}))


def test_given_tags_for_a_run_that_is_not_there_then_it_says_so(setting: Setting) -> None:
    with pytest.raises(dg.DagsterRunNotFoundError):
        setting.instance.add_run_tags("nobody", {"a": "1"})


def test_given_events_then_state_times_and_tags_are_as_dagster_would_have_them(setting: Setting) -> None:
    run_id = setting.run("NOT_STARTED")
    for kind in (Kind.RUN_ENQUEUED, Kind.RUN_STARTING, Kind.RUN_START):
        setting.report(run_id, kind)
    record = setting.instance.get_run_record_by_id(run_id)
    assert record is not None
    assert record.dagster_run.status is dg.DagsterRunStatus.STARTED
    assert record.start_time is not None
    assert abs(record.start_time - time.time()) < 10
    assert record.end_time is None
    setting.report(run_id, Kind.RUN_FAILURE, "fell off the rails")
    record = setting.instance.get_run_record_by_id(run_id)
    assert record is not None
    assert record.end_time is not None
    assert record.dagster_run.tags == {
        "signalbox/failure": "error",
        "signalbox/error": "fell off the rails",
    }
    assert abs(record.update_timestamp.timestamp() - time.time()) < 10
    setting.report(run_id, Kind.RUN_SUCCESS)
    assert setting.status(run_id) == "FAILURE"
    assert len(setting.events(run_id)) == 5  # what was reported late is in the log all the same


def test_given_a_late_cancel_and_a_late_success_at_once_then_exactly_one_counts(setting: Setting) -> None:
    for _ in range(10):
        run_id = setting.run("STARTED")
        go = threading.Barrier(2)

        def report(kind: dg.DagsterEventType, run_id: str = run_id, go: threading.Barrier = go) -> None:
            go.wait()
            setting.report(run_id, kind)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(report, (Kind.RUN_CANCELED, Kind.RUN_SUCCESS)))
        assert setting.status(run_id) in ("CANCELED", "SUCCESS")


def test_given_a_run_whose_tags_name_its_parent_then_dagster_groups_them(setting: Setting) -> None:
    first = setting.run("FAILURE")
    second = setting.run("QUEUED", tags={"dagster/parent_run_id": first, "dagster/root_run_id": first})
    assert setting.get(second).parent_run_id == first
    group = setting.instance.get_run_group(second)
    assert group is not None
    assert (group[0], {run.run_id for run in group[1]}) == (first, {first, second})


class TestCollecting:
    """While a worker executes a run, its events are written together."""

    def test_events_are_written_in_order_within_the_linger(self, setting: Setting) -> None:
        run_id = setting.run("STARTED")
        with _events(setting).collecting(run_id):
            for number in range(5):
                setting.report(run_id, Kind.ENGINE_EVENT, f"event {number}")
            assert self._stored(run_id) == 0
            deadline = time.monotonic() + 2
            while self._stored(run_id) < 5 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert self._stored(run_id) == 5
        assert setting.events(run_id) == [f"event {number}" for number in range(5)]

    def test_an_end_is_written_at_once_with_all_before_it(self, setting: Setting) -> None:
        run_id = setting.run("STARTED")
        with _events(setting).collecting(run_id):
            setting.report(run_id, Kind.RUN_START)
            setting.report(run_id, Kind.ENGINE_EVENT, "working")
            setting.report(run_id, Kind.RUN_SUCCESS)
            assert self._stored(run_id) == 3
            with database.engine().connect() as found:
                status = found.execute(sa.text("SELECT status FROM runs")).scalar()
            assert status == "SUCCESS"

    def test_reading_the_log_sees_what_was_collected(self, setting: Setting) -> None:
        run_id = setting.run("STARTED")
        with _events(setting).collecting(run_id):
            setting.report(run_id, Kind.ENGINE_EVENT, "first")
            assert setting.events(run_id) == ["first"]

    def test_an_asset_event_comes_after_what_was_reported_before_it(self, setting: Setting) -> None:
        run_id = setting.run("STARTED")
        with _events(setting).collecting(run_id):
            setting.report(run_id, Kind.ENGINE_EVENT, "first")
            setting.instance.report_runless_asset_event(dg.AssetMaterialization("points"))
            materialised = dg.DagsterEvent(
                event_type_value=Kind.ASSET_MATERIALIZATION.value,
                job_name="line",
                event_specific_data=StepMaterializationData(dg.AssetMaterialization("points"), []),
                message="second",
            )
            setting.instance.report_dagster_event(materialised, run_id=run_id)
            assert self._stored(run_id) == 2
        assert setting.events(run_id) == ["first", "second"]

    def test_other_runs_are_written_at_once(self, setting: Setting) -> None:
        run_id, other = setting.run("STARTED"), setting.run("STARTED")
        with _events(setting).collecting(run_id):
            setting.report(other, Kind.ENGINE_EVENT, "elsewhere")
            assert self._stored(other) == 1

    def test_a_run_that_somebody_else_changed_meanwhile_is_read_again(self, setting: Setting) -> None:
        run_id = setting.run("STARTED")
        with database.engine().connect() as found:
            body = found.execute(sa.text("SELECT run_body FROM runs")).scalar_one()
        with _events(setting).collecting(run_id, KnownRun(body, dg.DagsterRunStatus.STARTED)):
            setting.instance.add_run_tags(run_id, {"meanwhile": "yes"})
            setting.report(run_id, Kind.RUN_SUCCESS)
        assert setting.status(run_id) == "SUCCESS"
        assert setting.get(run_id).tags == {"meanwhile": "yes"}
        assert len(setting.events(run_id)) == 1

    def test_a_broken_connection_loses_and_doubles_nothing(self, setting: Setting) -> None:
        run_id = setting.run("STARTED")
        stop = threading.Event()

        def disturb() -> None:
            while not stop.wait(0.03):
                with database.engine().begin() as admin:
                    admin.execute(
                        sa.text(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name = 'signalbox-dagster'"
                        )
                    )

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            for number in range(150):
                setting.report(run_id, Kind.ENGINE_EVENT, f"event {number}")
            setting.report(run_id, Kind.RUN_SUCCESS, "end")
        finally:
            stop.set()
            thread.join()
        assert setting.events(run_id) == [*(f"event {number}" for number in range(150)), "end"]
        assert setting.status(run_id) == "SUCCESS"

    @staticmethod
    def _stored(run_id: str) -> int:
        with database.engine().connect() as found:
            statement = sa.text("SELECT count(*) FROM event_logs WHERE run_id = :run_id")
            return found.execute(statement, {"run_id": run_id}).scalar_one()


def test_given_the_same_options_then_the_same_engine_in_this_process(dagster_url: str) -> None:
    assert pooled_engine(PoolOptions(dagster_url)) is pooled_engine(PoolOptions(dagster_url))


def _statements(setting: Setting, act: Callable[[], object]) -> list[str]:
    """What `act` sends to the database."""
    found: list[str] = []
    engine = pooled_engine(PoolOptions(setting.storage.postgres_url))

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    return found


def test_given_a_new_run_then_it_and_its_tags_are_one_statement(setting: Setting) -> None:
    setting.run("QUEUED")  # asks for the schema, once
    tags = {"a": "1", "b": "it's {2}, \\ and \""}
    run = dg.DagsterRun(job_name="line", tags=tags)
    (statement,) = _statements(setting, lambda: setting.storage.run_storage.add_run(run))
    assert "run_tags" in statement
    assert setting.get(run.run_id).tags == tags
    assert setting.instance.get_run_ids(dg.RunsFilter(tags=tags)) == [run.run_id]
    with pytest.raises(DagsterRunAlreadyExists):
        setting.storage.run_storage.add_run(run)
    bare = dg.DagsterRun(job_name="line", remote_job_origin=None)
    setting.storage.run_storage.add_run(bare)
    assert setting.status(bare.run_id) == "NOT_STARTED"


def test_given_a_plan_that_was_not_there_then_it_is_found_once_it_is(setting: Setting) -> None:
    runs = setting.storage.run_storage
    plan = ExecutionPlanSnapshot([], False, "a job", snapshot_version=1)
    name = create_execution_plan_snapshot_id(plan)
    assert not runs.has_execution_plan_snapshot(name)
    runs.add_execution_plan_snapshot(plan)
    assert runs.has_execution_plan_snapshot(name)
    assert _statements(setting, lambda: runs.get_execution_plan_snapshot(name)) == []


@pytest.mark.case("dagster-X-purge")
def test_given_old_ticks_then_the_storage_purges_them_when_asked_and_a_daemon_asks_every_ten_minutes(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules = setting.storage.schedule_storage

    def tick(moment: float) -> str:
        data = TickData("o", "s", InstigatorType.SCHEDULE, TickStatus.SKIPPED, moment, selector_id="sel")
        return schedules.create_tick(data).tick_id

    tick(1000.0)
    new = tick(3000.0)
    schedules.purge_ticks("o", "sel", 2000.0, [TickStatus.SKIPPED])
    assert [found.tick_id for found in schedules.get_ticks("o", "sel")] == [new]

    def ask() -> None:
        ticks.purge_ticks(setting.instance, "o", "sel", 4000.0, [TickStatus.SKIPPED])

    now = 5000.0
    monkeypatch.setattr("scheduler_defs.execution.dagster_patches.ticks.time.monotonic", lambda: now)
    assert _statements(setting, ask) == []
    now += 601
    assert len(_statements(setting, ask)) == 1
    assert _statements(setting, ask) == []


@pytest.mark.case("dagster-X-start-time")
def test_given_an_event_with_a_time_of_its_own_then_the_run_started_and_ended_then(setting: Setting) -> None:
    run_id = setting.run("STARTING")
    moment = dt.datetime(2024, 2, 21, tzinfo=dt.UTC)
    for kind, hours in ((Kind.RUN_START, 0), (Kind.RUN_SUCCESS, 1)):
        event = dg.DagsterEvent(event_type_value=kind.value, job_name="line")
        setting.instance.handle_run_event(run_id, event, moment + dt.timedelta(hours=hours))
    (record,) = setting.instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))
    assert record.start_time == moment.timestamp()
    assert record.end_time == moment.timestamp() + 3600
    assert record.update_timestamp == moment + dt.timedelta(hours=1)


@pytest.mark.case("dagster-X-start-time")
def test_given_dagsters_own_clock_then_a_run_without_a_time_starts_by_it(setting: Setting) -> None:
    run_id = setting.run("STARTING")
    moment = dt.datetime(2024, 2, 21, tzinfo=dt.UTC)
    with freeze_time(moment):
        event = dg.DagsterEvent(event_type_value=Kind.RUN_START.value, job_name="line")
        setting.instance.handle_run_event(run_id, event)
    (record,) = setting.instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))
    assert record.start_time == moment.timestamp()


def test_given_another_instance_in_the_process_then_it_does_not_look_for_its_tables(
    setting: Setting,
) -> None:
    assert _statements(setting, lambda: SignalboxStorage(setting.storage.postgres_url)) == []
