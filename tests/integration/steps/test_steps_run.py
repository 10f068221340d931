"""Multi-step jobs on real Celery workers: order, parallelism, values, retries, time-outs, queues."""

from __future__ import annotations

from tests.integration.steps import jobs
from tests.integration.steps.stack import Stack, until


def test_given_a_diamond_when_it_runs_then_each_step_runs_once_in_order_on_step_workers(stack: Stack) -> None:
    assert stack.wait(stack.launch(jobs.diamond)) == "SUCCESS"
    names = [line.split()[0] for line in stack.notes()]
    assert names == ["top", "side", "side", "bottom"]
    step_processes = {child.pid for child in stack.children("steps")}
    assert {int(line.split()[-1]) for line in stack.notes()} <= step_processes


def test_given_values_when_steps_pass_them_on_then_they_cross_processes(stack: Stack) -> None:
    assert stack.wait(stack.launch(jobs.numbers)) == "SUCCESS"
    assert stack.noted("number 21 ")


def test_given_a_step_that_fails_once_when_it_has_retries_then_it_runs_again_and_the_run_succeeds(
    stack: Stack,
) -> None:
    run_id = stack.launch(jobs.retried)
    assert stack.wait(run_id) == "SUCCESS"
    events = [kind for step, kind in stack.events(run_id) if step == "fails_once"]
    assert events.count("STEP_UP_FOR_RETRY") == 1
    assert events.count("STEP_SUCCESS") == 1


def test_given_a_step_that_fails_when_it_has_no_retries_then_the_run_fails_and_its_followers_do_not_run(
    stack: Stack,
) -> None:
    run_id = stack.launch(jobs.failing)
    assert stack.wait(run_id) == "FAILURE"
    assert "broken for good" in stack.messages(run_id)
    assert stack.notes() == []


def test_given_a_step_with_a_time_out_when_it_takes_longer_then_it_fails_and_says_so(stack: Stack) -> None:
    run_id = stack.launch(jobs.timing_out)
    assert stack.wait(run_id) == "FAILURE"
    assert "timed out after 0.3 s" in stack.messages(run_id)


def test_given_a_step_with_a_queue_of_its_own_when_nobody_serves_it_then_it_says_so_and_waits(
    stack: Stack,
) -> None:
    run_id = stack.launch(jobs.on_a_special_queue)
    until(lambda: "no live worker serves the Celery queue 'special'" in stack.messages(run_id))
    stack.start_worker("special", "special", 1)
    assert stack.wait(run_id) == "SUCCESS"


def test_given_fifty_multi_step_runs_when_there_are_two_slots_of_each_kind_then_all_finish(
    stack: Stack,
) -> None:
    run_ids = [stack.launch(jobs.diamond) for _ in range(50)]
    assert {stack.wait(run_id, seconds=120) for run_id in run_ids} == {"SUCCESS"}
    assert len(stack.notes()) == 200
    assert until(lambda: not stack.rows("SELECT 1 FROM signalbox.leases"))
