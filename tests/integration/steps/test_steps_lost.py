"""What becomes of steps when workers are killed, runs are cancelled, or messages vanish or come twice."""

from __future__ import annotations

import time

import kombu
import psutil

from scheduler_defs.execution.worker import celery_app
from scheduler_defs.stack.machine import processes
from tests.integration.steps import jobs
from tests.integration.steps.stack import Stack, until


def kill_child(stack: Stack, line: str) -> None:
    """SIGKILL to the pool child that noted this line; returns when what it had forked is gone, too."""
    child = psutil.Process(int(line.split()[-1]))
    forked = child.children(recursive=True)
    child.kill()
    assert all(processes.ends_within(process, 30) for process in forked)


def test_given_a_step_whose_process_is_killed_when_it_has_no_retries_then_the_run_fails_and_says_so(
    stack: Stack,
) -> None:
    run_id = stack.launch(jobs.waiting)
    until(lambda: len(stack.noted("step waits")) == 2)
    killed = time.monotonic()
    kill_child(stack, stack.noted("step waits")[0])
    stack.allow("step")
    assert stack.wait(run_id, 30) == "FAILURE"
    print(f"killed step noticed, run failed: {time.monotonic() - killed:.1f} s")
    assert "worker lost" in stack.messages(run_id)
    assert until(lambda: not stack.rows("SELECT 1 FROM signalbox.leases"))


def test_given_a_step_when_its_code_runs_then_its_start_is_in_the_database(stack: Stack) -> None:
    """Killed right then, it would else be taken for one that was never begun, and run a second time."""
    assert stack.wait(stack.launch(jobs.reading_its_own_start)) == "SUCCESS"
    (line,) = stack.noted("begun")
    assert line.startswith("begun ['reads_its_own_start']")


def test_given_a_step_worker_that_is_killed_when_the_step_has_a_retry_then_another_worker_runs_it(
    stack: Stack,
) -> None:
    run_id = stack.launch(jobs.waiting_with_retry)
    until(lambda: stack.noted("step waits"))
    stack.kill("steps")
    stack.allow("step")
    stack.start_worker("steps", "steps", 2)
    assert stack.wait(run_id, 30) == "SUCCESS"
    assert len(stack.noted("step waits")) == 2
    assert len(stack.noted("step ends")) == 1


def test_given_running_and_waiting_steps_when_the_run_is_cancelled_then_all_end_at_once(stack: Stack) -> None:
    first = stack.launch(jobs.with_a_child)
    child = psutil.Process(int(until(lambda: stack.noted("child "))[0].split()[1]))
    began = time.monotonic()
    assert stack.instance.run_coordinator.cancel_run(first)
    assert stack.wait(first, 10) == "CANCELED"
    print(f"cancelled after {time.monotonic() - began:.2f} s")
    until(lambda: not processes.lives(child), 15)
    assert until(lambda: not stack.rows("SELECT 1 FROM signalbox.leases"), 15)
    assert stack.wait(stack.launch(jobs.diamond)) == "SUCCESS"


def test_given_a_run_whose_own_worker_is_killed_when_its_steps_run_then_they_are_ended_too(
    stack: Stack,
) -> None:
    run_id = stack.launch(jobs.waiting)
    until(lambda: len(stack.noted("step waits")) == 2)
    stack.kill("runs")
    assert stack.wait(run_id, 30) == "FAILURE"
    assert until(lambda: not stack.rows("SELECT 1 FROM signalbox.leases WHERE lost IS NULL"), 15)
    assert stack.noted("step ends") == []


def test_given_a_message_that_comes_twice_when_the_step_has_ended_then_it_runs_once(
    stack: Stack,
) -> None:
    run_id = stack.launch(jobs.waiting)
    until(lambda: len(stack.noted("step waits")) == 2)
    stack.allow("step")
    assert stack.wait(run_id) == "SUCCESS"
    before = stack.notes()
    celery_app.app.send_task(
        celery_app.STEP_TASK, args=(message_of(stack, run_id), 1), task_id=f"{run_id}:one:1", queue="steps"
    )
    assert stack.wait(stack.launch(jobs.failing)) == "FAILURE"
    assert stack.notes() == before


def message_of(stack: Stack, run_id: str) -> str:
    """The body of the message for the step `one` of the job `waiting`."""
    from dagster._core.execution.plan.state import KnownExecutionState
    from dagster._core.execution.retries import RetryMode
    from dagster._grpc.types import ExecuteStepArgs
    from dagster._serdes import serialize_value

    run = stack.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.job_code_origin is not None
    return serialize_value(
        ExecuteStepArgs(
            job_origin=run.job_code_origin,
            run_id=run_id,
            step_keys_to_execute=["one"],
            retry_mode=RetryMode.DEFERRED,
            known_state=KnownExecutionState(),
        )
    )


def _waiting(connection: kombu.Connection, queue: str) -> int:
    """How many messages the broker holds for a queue. Without any, Valkey knows no such queue."""
    try:
        with connection.channel() as channel:
            return channel.queue_declare(queue, passive=True).message_count
    except connection.channel_errors:
        return 0


def test_given_messages_that_are_lost_with_the_broker_when_slots_are_free_then_they_are_sent_again(
    stack: Stack, broker_url: str
) -> None:
    stack.stop("steps")
    run_id = stack.launch(jobs.diamond)
    with kombu.Connection(broker_url) as connection:
        until(lambda: _waiting(connection, "steps") == 1)
        connection.default_channel.queue_purge("steps")
    stack.start_worker("steps", "steps", 2)
    assert stack.wait(run_id, 40) == "SUCCESS"
    assert len(stack.notes()) == 4


def test_given_steps_that_wait_for_a_slot_when_the_run_is_cancelled_then_they_are_never_begun(
    stack: Stack,
) -> None:
    held = stack.launch(jobs.waiting)
    until(lambda: len(stack.noted("step waits")) == 2)
    queued = stack.launch(jobs.waiting)
    until(lambda: stack.status(queued) == "STARTED")
    assert stack.instance.run_coordinator.cancel_run(queued)
    assert stack.wait(queued, 10) == "CANCELED"
    stack.allow("step")
    assert stack.wait(held) == "SUCCESS"
    assert stack.wait(stack.launch(jobs.diamond)) == "SUCCESS"
    assert len(stack.noted("step waits")) == 2
