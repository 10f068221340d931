"""Jobs whose steps run on step workers, for these tests."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster_celery import celery_executor

from scheduler_defs import database, tags
from scheduler_defs.execution.leases.current import current_lease
from scheduler_defs.execution.steps.executor_job import celery_steps_executor
from scheduler_defs.execution.steps.timeout import TIMEOUT_TAG

NOTES = "STEPS_TEST_NOTES"
STARTS = sa.text(
    "SELECT step_key FROM event_logs WHERE run_id = :run_id AND dagster_event_type = 'STEP_START'"
)


def note(what: str) -> None:
    """Leave a line behind for the test: what happened, and for which child of the worker."""
    lease = current_lease()
    with (Path(os.environ[NOTES]) / "notes").open("a") as file:
        file.write(f"{what} {os.getpid() if lease is None else lease.claim.pid}\n")


@dg.op(out=dg.Out(dg.Nothing))
def top() -> None:
    note("top")


@dg.op(ins={"start": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def side() -> None:
    note("side")


@dg.op(ins={"left": dg.In(dg.Nothing), "right": dg.In(dg.Nothing)})
def bottom() -> None:
    note("bottom")


@dg.job(executor_def=celery_steps_executor)
def diamond() -> None:
    start = top()
    bottom(left=side.alias("left")(start), right=side.alias("right")(start))


@dg.op
def first_number() -> int:
    return 20


@dg.op
def add(number: int) -> int:
    return number + 1


@dg.op
def note_number(number: int) -> None:
    note(f"number {number}")


@dg.job(executor_def=celery_steps_executor)
def numbers() -> None:
    note_number(add(first_number()))


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
def fails_once() -> None:
    mark = Path(os.environ[NOTES]) / "failed-once"
    if not mark.exists():
        mark.touch()
        raise RuntimeError("the first time")
    note("went well")


@dg.job(executor_def=celery_steps_executor)
def retried() -> None:
    fails_once()


@dg.op
def fails() -> None:
    raise RuntimeError("broken for good")


@dg.op(ins={"start": dg.In(dg.Nothing)})
def after_the_failure() -> None:
    note("never")


@dg.job(executor_def=celery_steps_executor)
def failing() -> None:
    after_the_failure(fails())


def wait_for(name: str) -> None:
    note(f"{name} waits")
    while not (Path(os.environ[NOTES]) / f"{name}-may-end").exists():
        time.sleep(0.02)
    note(f"{name} ends")


@dg.op
def waits() -> None:
    wait_for("step")


@dg.job(executor_def=celery_steps_executor)
def waiting() -> None:
    waits.alias("one")()
    waits.alias("two")()


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def waits_and_retries() -> None:
    wait_for("step")


@dg.job(executor_def=celery_steps_executor)
def waiting_with_retry() -> None:
    waits_and_retries()


@dg.op
def reads_its_own_start() -> None:
    with database.engine().connect() as connection:  # whoever asks through the instance has it written first
        begun = connection.execute(STARTS, {"run_id": dg.OpExecutionContext.get().run_id}).scalars()
        note(f"begun {list(begun)}")


@dg.job(executor_def=celery_steps_executor)
def reading_its_own_start() -> None:
    reads_its_own_start()


@dg.op
def sleeps_in_a_child() -> None:
    with subprocess.Popen(["sleep", "300"]) as child:
        note(f"child {child.pid}")
        try:
            child.wait()
        finally:
            child.kill()


@dg.job(executor_def=celery_steps_executor)
def with_a_child() -> None:
    sleeps_in_a_child()


@dg.op(tags={TIMEOUT_TAG: "0.3"})
def too_long() -> None:
    time.sleep(60)


@dg.job(executor_def=celery_steps_executor)
def timing_out() -> None:
    too_long()


@dg.op(tags={tags.CELERY_QUEUE: "special"})
def special() -> None:
    note("special")


@dg.job(executor_def=celery_steps_executor)
def on_a_special_queue() -> None:
    special()


@dg.job(executor_def=celery_executor)
def for_dagster_celery() -> None:
    """As somebody has it who comes from dagster-celery."""
    start = top()
    bottom(left=side.alias("left")(start), right=side.alias("right")(start))


@dg.op(tags={tags.CELERY_QUEUE: "apart"})
def set_apart() -> None:
    note("set apart")


@dg.job(executor_def=celery_executor)
def one_step_on_its_queue() -> None:
    """One step, which the workers of another queue must not execute."""
    set_apart()


@dg.job
def by_default() -> None:
    """No executor is named: Dagster's own, a process per step."""
    start = top()
    bottom(left=side.alias("left")(start), right=side.alias("right")(start))


@dg.job(executor_def=dg.multiprocess_executor)
def multiprocess() -> None:
    start = top()
    bottom(left=side.alias("left")(start), right=side.alias("right")(start))
