"""Every way in times every setting: a run carries the same, whoever launches it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping

import dagster as dg
import pytest

from scheduler_defs import tags
from scheduler_defs.execution.admission.completing import missing
from scheduler_defs.execution.admission.person import acting
from scheduler_defs.execution.admission.values import unusable
from tests.unit.execution.admission.doors import DUE, Doors

Launch = Callable[[Doors], dg.DagsterRun]

LINE = {
    tags.JOB: "line",
    tags.PRIORITY: "5",
    tags.MAX_RUNTIME: "90",
    tags.CELERY_QUEUE: "special",
    tags.MAX_ATTEMPTS: "3",
    "team": "ops",
}
STEPS = {tags.JOB: "steps", tags.MAX_RUNTIME: "6", tags.CELERY_QUEUE: None, tags.MAX_ATTEMPTS: "1"}
GPU = {tags.JOB: "gpu_report", tags.MAX_ATTEMPTS: "1", tags.CELERY_QUEUE: None}
OWN = {tags.JOB: "own", tags.PRIORITY: "7", tags.CELERY_QUEUE: "gpu", tags.MAX_ATTEMPTS: "3"}
PLAIN = {tags.JOB: "plain", tags.MAX_ATTEMPTS: "1", "team": "tags-alone"}
CAREFUL = f"careful@{hashlib.sha256(b'Be careful.').hexdigest()[:12]}"
JOBS = {"line": LINE, "steps": STEPS, "gpu_report": GPU, "own": OWN, "plain": PLAIN}


def later(minutes: int) -> dt.datetime:
    return DUE + dt.timedelta(minutes=minutes)


BY_HAND: Mapping[str, Callable[[Doors, str], dg.DagsterRun]] = {
    "launchpad": lambda yard, job: yard.launchpad(job),
    "jobs launch": lambda yard, job: yard.jobs_launch(job),
    "dagster job launch": lambda yard, job: yard.dagster_job_launch(job),
    "re-execution": lambda yard, job: yard.reexecution(yard.fail(yard.launchpad(job))),
    "launchpad with the tags of a run by a schedule": lambda yard, job: yard.launchpad(
        job,
        {
            tags.TRIGGER: "schedule",
            "dagster/schedule_name": "x",
            "dagster/tick": "3",
            "dagster/run_key": "k",
            tags.ATTEMPT: "2",
            tags.FAILURE: "error",
            tags.WORKER: "w",
        },
    ),
}


@pytest.mark.case("recovery-X-launch-tags")
@pytest.mark.case("commands-X-launch-tags")
@pytest.mark.case("newcomer-X-queue")
@pytest.mark.case("newcomer-X-launchpad")
@pytest.mark.case("production-PR-13")
@pytest.mark.case("dagster-X-trigger-none")
@pytest.mark.parametrize("way", BY_HAND)
@pytest.mark.parametrize("job", JOBS)
def test_given_a_launch_by_hand_then_the_run_carries_what_its_job_declares(
    yard: Doors, way: str, job: str
) -> None:
    run = BY_HAND[way](yard, job)
    assert_carries(run, {**JOBS[job], tags.TRIGGER: "manual", tags.ATTEMPT: "1"})
    assert run.tags[tags.ACTOR] == ("ann" if way == "jobs launch" else acting())
    assert not set(run.tags) & {tags.FAILURE, tags.WORKER, "dagster/run_key"}
    assert run.status is dg.DagsterRunStatus.QUEUED


BY_PROGRAM: Mapping[str, tuple[Launch, Mapping[str, str | None]]] = {
    "schedule of a command": (
        lambda yard: yard.schedule("line-hourly"),
        {**LINE, tags.TRIGGER: "schedule", tags.ATTEMPT: "1", tags.ACTOR: "schedule:line-hourly"},
    ),
    "schedule that says it otherwise": (
        lambda yard: yard.schedule("line-once"),
        {
            **LINE,
            tags.PRIORITY: "9",
            tags.MAX_RUNTIME: "30",
            tags.MAX_ATTEMPTS: "1",
            tags.TRIGGER: "schedule",
            "team": "night",
        },
    ),
    "schedule of steps": (lambda yard: yard.schedule("steps-hourly"), {**STEPS, tags.TRIGGER: "schedule"}),
    "schedule of a built-in job": (
        lambda yard: yard.schedule("gpu-hourly"),
        {**GPU, tags.TRIGGER: "schedule", tags.MAX_ATTEMPTS: "2", tags.DIRECTIVE: CAREFUL},
    ),
    "schedules run under a directive": (
        lambda yard: yard.schedules_run("gpu-hourly"),
        {**GPU, tags.TRIGGER: "run_now", tags.MAX_ATTEMPTS: "2", tags.DIRECTIVE: CAREFUL},
    ),
    "retry under a directive": (
        lambda yard: yard.retry(yard.fail(yard.schedule("gpu-hourly", later(4), due=later(4)))),
        {**GPU, tags.TRIGGER: "retry", tags.ATTEMPT: "2", tags.MAX_ATTEMPTS: "2", tags.DIRECTIVE: CAREFUL},
    ),
    "schedules run": (
        lambda yard: yard.schedules_run("line-once"),
        {
            **LINE,
            tags.PRIORITY: "9",
            tags.MAX_RUNTIME: "30",
            tags.MAX_ATTEMPTS: "1",
            tags.TRIGGER: "run_now",
            tags.ACTOR: "ann",
            "team": "night",
        },
    ),
    "somebody's own schedule": (
        lambda yard: yard.tick_of_schedule("hourly", dg.RunRequest(), DUE),
        {**OWN, tags.TRIGGER: "schedule", tags.ACTOR: "schedule:hourly"},
    ),
    "somebody's own sensor": (
        lambda yard: yard.sensor("watcher", dg.RunRequest(run_key="way", job_name="own")),
        {**OWN, tags.TRIGGER: "sensor", tags.ACTOR: "sensor:watcher"},
    ),
    "retry": (
        lambda yard: yard.retry(yard.fail(yard.schedule("line-hourly", later(1), due=later(1)))),
        {**LINE, tags.TRIGGER: "retry", tags.ATTEMPT: "2", tags.FAILURE: None, tags.RETRY_AT: None},
    ),
    "agent queue": (
        lambda yard: yard.agent_queue(attempt=2),
        {
            tags.JOB: "agent_task",
            tags.TRIGGER: "agent_queue",
            tags.ATTEMPT: "2",
            tags.MAX_ATTEMPTS: "3",
            tags.RETRIES: None,
            tags.AGENT: "vaela",
            tags.TASK: "5",
            tags.PRIORITY: "2",
            tags.CELERY_QUEUE: "agents",
            tags.ACTOR: "queue:dev",
            "team": "dev",
        },
    ),
    "backfill": (
        lambda yard: yard.backfill("own"),
        {**OWN, tags.TRIGGER: "backfill", tags.ACTOR: "backfill:fill", "dagster/partition": "a"},
    ),
    "an asset of somebody's own, materialised": (
        lambda yard: yard.launchpad("__ASSET_JOB", selector={"assetSelection": [{"path": ["thing"]}]}),
        {tags.JOB: "__ASSET_JOB", tags.TRIGGER: "manual", tags.MAX_ATTEMPTS: "1"},
    ),
    "a built-in report, materialised": (
        lambda yard: yard.launchpad("__ASSET_JOB", selector={"assetSelection": [{"path": ["gpu_report"]}]}),
        {tags.JOB: "gpu_report", tags.TRIGGER: "manual"},
    ),
}


@pytest.mark.parametrize("way", BY_PROGRAM)
def test_given_a_launch_by_the_program_then_the_run_carries_what_is_declared(yard: Doors, way: str) -> None:
    launch, wanted = BY_PROGRAM[way]
    run = launch(yard)
    assert_carries(run, wanted)
    assert run.status is dg.DagsterRunStatus.QUEUED


def test_given_a_command_that_executes_in_its_own_process_then_its_run_is_completed_too(yard: Doors) -> None:
    """As `dagster asset materialize` and `dagster job execute` do it, which create no run for the queue."""
    from dagster._core.definitions.reconstruct import reconstructable

    from tests.unit.execution.admission.location import plain

    done = dg.execute_job(reconstructable(plain), instance=yard.instance)
    assert done.success
    assert_carries(yard.run(done.run_id), {**PLAIN, tags.TRIGGER: "manual", tags.ACTOR: acting()})


@pytest.mark.case("recovery-B04")
def test_given_a_failed_run_of_a_schedule_when_it_is_executed_again_then_that_is_a_launch_of_its_own(
    yard: Doors,
) -> None:
    first = yard.fail(yard.schedule("line-hourly", later(2), due=later(2)))
    assert tags.RETRY_AT in first.tags
    again = yard.reexecution(first)
    assert_carries(again, {**LINE, tags.TRIGGER: "manual", tags.ATTEMPT: "1", tags.ROOT_RUN: first.run_id})
    of_the_parent = {
        *tags.OF_ONE_ATTEMPT,
        "dagster/run_key",
        "dagster/tick",
        ".dagster/scheduled_execution_time",
    }
    assert not set(again.tags) & of_the_parent
    assert again.tags[tags.SCHEDULE] == "line-hourly", "its overlap rule counts it"
    assert again.parent_run_id == first.run_id


def test_given_a_retry_when_it_is_executed_again_by_hand_then_it_is_no_retry(yard: Doors) -> None:
    first = yard.fail(yard.schedule("line-hourly", later(3), due=later(3)))
    second = yard.fail(yard.retry(first))
    assert second.tags[tags.ATTEMPT] == "2"
    assert_carries(
        yard.reexecution(second), {tags.TRIGGER: "manual", tags.ATTEMPT: "1", tags.ROOT_RUN: first.run_id}
    )


def test_given_the_number_of_attempts_alone_then_the_run_has_a_policy_to_be_retried_by(yard: Doors) -> None:
    run = yard.fail(yard.launchpad("own"))
    assert json.loads(run.tags[tags.RETRIES]) == {"max_attempts": 3}
    assert tags.RETRY_AT in run.tags


@pytest.mark.case("ui-UI-15")
@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        *(
            (tags.MAX_RUNTIME, value, "has no time-out")
            for value in ("x", "", "0", "-1", "nan", "inf", "1e15")
        ),
        ("dagster/max_runtime_seconds", "-5", "has no time-out"),
        *((tags.PRIORITY, value, "has priority 0") for value in ("abc", "1.5", "9" * 400, "-" + "9" * 5000)),
        *((tags.MAX_ATTEMPTS, value, "has 1 attempt(s)") for value in ("x", "0", "2.0", "9" * 5000)),
        (tags.KEEP_PROCESSES, "yes", "what it leaves running ends with it"),
        *(
            (tags.RETRIES, value, "has 1 attempt(s)")
            for value in ("x", "3", '{"max_attempts": 0}', "[" * 9999)
        ),
        (tags.RETRIES, '{"max_attempts": 2, "backoff": "fixed", "base": "P900000000D"}', "has 1 attempt(s)"),
    ],
)
def test_given_a_tag_that_nobody_can_use_then_the_runs_events_say_that_it_is_ignored_and_it_is(
    yard: Doors, key: str, value: str, said: str
) -> None:
    run = yard.launchpad("plain", {key: value})
    messages = [entry.message for entry in yard.instance.all_logs(run.run_id)]
    assert [message for message in messages if f"Ignored: {key}={value[:40]}" in message and said in message]
    assert key not in run.tags or not unusable(run.tags), (
        "Dagster would cancel a run whose time-out is below 0"
    )
    assert tags.RETRY_AT not in yard.fail(run).tags


@pytest.mark.case("ui-UI-15")
def test_given_a_tag_that_nobody_can_use_then_what_the_job_declares_holds(yard: Doors) -> None:
    run = yard.launchpad("line", {tags.MAX_RUNTIME: "-1", tags.PRIORITY: "9" * 400, tags.MAX_ATTEMPTS: "x"})
    assert_carries(run, LINE)
    assert_carries(yard.reexecution(yard.fail(run)), {**LINE, tags.IGNORED: None})


def test_given_somebodys_own_list_of_ignored_tags_then_the_run_starts(yard: Doors) -> None:
    for text in ("{", "[]", "[" * 100_000, '{"x": 1}', '{"dagster/priority": {}}'):
        assert yard.launchpad("plain", {tags.IGNORED: text}).status is dg.DagsterRunStatus.QUEUED


def assert_carries(run: dg.DagsterRun, wanted: Mapping[str, str | None]) -> None:
    assert not missing(run.tags)
    assert {key: run.tags.get(key) for key in wanted} == dict(wanted)
