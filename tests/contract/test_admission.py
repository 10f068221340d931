"""What admission uses of Dagster that it does not promise."""

from __future__ import annotations

import inspect
import zlib

import dagster as dg
from dagster._core.instance.runs.run_domain import RunDomain
from dagster._core.snap import JobSnap
from dagster._core.storage.dagster_run import assets_are_externally_managed
from dagster._core.storage.tags import (
    EXTERNALLY_MANAGED_ASSETS_TAG,
    RUN_KEY_TAG,
    SCHEDULED_EXECUTION_TIME_TAG,
    TICK_ID_TAG,
)
from dagster._daemon import sensor
from dagster._scheduler import scheduler
from dagster._serdes import serialize_value

from scheduler_defs import tags
from scheduler_defs.execution.admission.job_settings import read_declared


def snapshot(job: dg.JobDefinition) -> bytes:
    return zlib.compress(serialize_value(JobSnap.from_job_def(job)).encode())


def test_a_jobs_snapshot_says_what_its_runs_are_to_carry() -> None:
    @dg.op(tags={tags.JOB: "reports"})
    def report() -> None: ...

    @dg.job(tags={"shown": "yes"}, run_tags={"a": "1", "b": {"c": 2}})
    def separate() -> None:
        report()

    @dg.job(tags={"a": "1"})
    def together() -> None:
        pass

    assert read_declared(snapshot(separate)).tags == {"a": "1", "b": '{"c": 2}'}
    assert read_declared(snapshot(separate)).job == "reports"
    assert read_declared(snapshot(together)).tags == {"a": "1"}
    assert read_declared(snapshot(together)).job is None


def test_all_runs_are_added_to_the_run_storage() -> None:
    made = inspect.getsource(RunDomain.create_run)
    assert "self._instance.run_storage.add_run(dagster_run)" in made
    assert "execution_plan_snapshot and not assets_are_externally_managed(dagster_run)" in made
    run = dg.DagsterRun(job_name="j", tags={EXTERNALLY_MANAGED_ASSETS_TAG: "true"})
    assert assets_are_externally_managed(run)


def test_runs_of_ticks_say_so() -> None:
    assert dg.DagsterRun.tags_for_tick_id("1") == {TICK_ID_TAG: "1"}
    assert "tags_for_tick_id" in inspect.getsource(scheduler._schedule_runs_at_time)
    assert "tags_for_tick_id" in inspect.getsource(sensor)
    made = inspect.getsource(scheduler)
    assert "tags[SCHEDULED_EXECUTION_TIME_TAG] = schedule_time" in made
    assert "tags[RUN_KEY_TAG] = run_request.run_key" in made
    assert SCHEDULED_EXECUTION_TIME_TAG.startswith(".dagster/"), "hidden: the launchpad does not copy it"
    assert RUN_KEY_TAG == "dagster/run_key"
