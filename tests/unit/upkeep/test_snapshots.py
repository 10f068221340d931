"""Snapshots of jobs and plans go when no run refers to them any more, and never under somebody's hands."""

from __future__ import annotations

import datetime as dt
import threading

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.snap import ExecutionPlanSnapshot, JobSnap

from scheduler_defs import database
from scheduler_defs.database.pacing import Pace
from scheduler_defs.execution.pruning.runs import statement
from scheduler_defs.execution.pruning.snapshots import UNUSED, prune
from scheduler_defs.execution.storage.snapshots import REMEMBERED_SECONDS, Snapshots
from scheduler_defs.upkeep.retention.prune import Pruned
from tests.unit.execution.core.setting import ORIGIN, Setting
from tests.unit.upkeep.test_retention import pruned as pass_of_retention

NOW = dt.datetime.now(dt.UTC)
LATER = NOW + UNUSED + dt.timedelta(minutes=1)
IDS = sa.text("SELECT snapshot_id FROM snapshots")


@dg.op
def work() -> None: ...


def job(name: str) -> dg.JobDefinition:
    return dg.JobDefinition(name=name, graph_def=dg.GraphDefinition(name=name, node_defs=[work]))


def kept(setting: Setting, name: str) -> tuple[str, str]:
    """The job's snapshot and its plan, as Dagster stores them before a run."""
    runs = setting.storage.run_storage
    snapshot = JobSnap.from_job_def(job(name))
    plan = ExecutionPlanSnapshot([], False, snapshot.snapshot_id, snapshot_version=1)
    return runs.add_job_snapshot(snapshot), runs.add_execution_plan_snapshot(plan)


def run_of(setting: Setting, job_id: str, plan_id: str) -> str:
    run = dg.DagsterRun(
        job_name="line",
        job_snapshot_id=job_id,
        execution_plan_snapshot_id=plan_id,
        remote_job_origin=ORIGIN,
    )
    setting.storage.run_storage.add_run(run)
    return run.run_id


def there() -> set[str]:
    with database.engine().connect() as connection:
        return set(connection.execute(IDS).scalars())


def pruned(at: dt.datetime, *, dry_run: bool = False) -> int:
    return prune(Pace(database.engine()), at, dry_run=dry_run)


def test_given_snapshots_that_no_run_refers_to_then_they_go_a_day_after_that_was_seen(
    setting: Setting,
) -> None:
    used, unused = kept(setting, "used"), kept(setting, "unused")
    run_of(setting, *used)
    assert pruned(NOW) == 0
    assert pruned(LATER, dry_run=True) == 2
    assert there() == {*used, *unused}
    assert pruned(LATER) == 2
    assert there() == set(used)
    assert pruned(LATER + UNUSED) == 0


def test_given_a_plan_of_a_job_that_is_used_then_it_goes_when_its_runs_are_gone(setting: Setting) -> None:
    job_id, plan = kept(setting, "used")
    other = ExecutionPlanSnapshot([], False, job_id, step_keys_to_execute=["a"], snapshot_version=1)
    setting.storage.run_storage.add_execution_plan_snapshot(other)
    run_of(setting, job_id, plan)
    pruned(NOW)
    assert pruned(LATER) == 1
    assert there() == {job_id, plan}


def test_given_a_job_made_of_another_then_the_other_stays(setting: Setting) -> None:
    whole = dg.JobDefinition(name="whole", graph_def=dg.GraphDefinition(name="g", node_defs=[work]))
    part = JobSnap.from_job_def(whole.get_subset(op_selection=["work"]))
    parent = JobSnap.from_job_def(whole)
    runs = setting.storage.run_storage
    assert part.lineage_snapshot is not None
    assert part.lineage_snapshot.parent_snapshot_id == parent.snapshot_id
    runs.add_job_snapshot(parent)
    runs.add_job_snapshot(part)
    plan = runs.add_execution_plan_snapshot(
        ExecutionPlanSnapshot([], False, part.snapshot_id, snapshot_version=1)
    )
    run_of(setting, part.snapshot_id, plan)
    pruned(NOW)
    assert pruned(LATER) == 0
    assert there() == {part.snapshot_id, parent.snapshot_id, plan}


def test_given_somebody_who_asks_for_it_then_it_stays_for_a_day_more(setting: Setting) -> None:
    job_id, plan = kept(setting, "asked")
    pruned(NOW)
    assert setting.storage.run_storage.has_job_snapshot(job_id)
    assert setting.storage.run_storage.has_execution_plan_snapshot(plan)
    assert pruned(LATER) == 0  # both are marked anew
    run_of(setting, job_id, plan)
    assert pruned(LATER + 2 * UNUSED) == 0
    assert there() == {job_id, plan}


def test_given_what_a_process_remembers_then_that_is_over_long_before_it_can_be_dropped(
    setting: Setting,
) -> None:
    assert dt.timedelta(seconds=2 * REMEMBERED_SECONDS) < UNUSED
    job_id, _ = kept(setting, "remembered")
    clock = [0.0]
    seen = Snapshots(setting.storage.run_storage.connect, lambda: clock[0])
    assert seen.is_there(job_id)
    with database.engine().begin() as connection:
        connection.execute(sa.text("DELETE FROM snapshots"))
    clock[0] = REMEMBERED_SECONDS - 1
    assert seen.is_there(job_id)
    clock[0] = REMEMBERED_SECONDS + 1
    assert not seen.is_there(job_id)


def test_given_one_that_is_being_dropped_when_somebody_asks_then_they_wait_and_add_it_again(
    setting: Setting,
) -> None:
    job_id, _ = kept(setting, "going")
    pruned(NOW)
    answers: list[bool] = []
    asking = threading.Thread(
        target=lambda: answers.append(setting.storage.run_storage.has_job_snapshot(job_id))
    )
    with database.engine().begin() as connection:
        gone = connection.execute(
            statement("drop_snapshots"), {"ids": [job_id], "before": LATER}
        ).scalar_one()
        asking.start()
        asking.join(0.5)
        assert answers == []
    asking.join()
    assert (gone, answers) == (1, [False])


def test_given_a_plan_that_was_dropped_then_it_is_not_remembered_as_if_it_were_there(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plan = kept(setting, "dropped")
    runs = setting.storage.run_storage
    assert runs.get_execution_plan_snapshot(plan).snapshot_version == 1
    pruned(LATER)
    pruned(LATER + 2 * UNUSED)
    monkeypatch.setattr("scheduler_defs.execution.storage.snapshots.REMEMBERED_SECONDS", 0.0)
    assert not runs.has_execution_plan_snapshot(plan)


def test_given_a_pass_of_retention_then_it_says_how_many_snapshots_went(setting: Setting) -> None:
    kept(setting, "unused")
    found: Pruned = pass_of_retention()
    assert found.others["snapshots"] == 0
    with database.engine().begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.unused_snapshots SET since = since - interval '2 days'"))
    assert pass_of_retention(dry_run=True).others["snapshots"] == 2
    assert pass_of_retention().others["snapshots"] == 2
