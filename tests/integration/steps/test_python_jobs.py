"""Python jobs on real workers: each run has a process of its own, and nothing of it is left."""

from __future__ import annotations

import json

import dagster as dg
import psutil
import pytest

from tests.integration.steps import python_jobs
from tests.integration.steps.stack import Stack, until


def looked(stack: Stack, runs: int) -> list[dict[str, object]]:
    """What so many runs, at once, find of their processes."""
    for run_id in [stack.launch(python_jobs.looking) for _ in range(runs)]:
        assert stack.wait(run_id) == "SUCCESS"
    return [json.loads(line.rpartition(" ")[0]) for line in stack.noted("{")]


@pytest.mark.case("dagster-X-soiled-worker")
def test_given_a_run_that_changes_its_process_then_the_next_one_finds_a_fresh_process(stack: Stack) -> None:
    # Two runs at once have both of the worker's children.
    before = looked(stack, 2)[0]
    children = {child.pid for child in stack.children("runs")}
    for run_id in [stack.launch(python_jobs.soiling) for _ in range(2)]:
        assert stack.wait(run_id) == "SUCCESS"
    stack.forget_notes()
    after = looked(stack, 4)
    assert after == [before] * 4
    assert before["large"] is False
    assert before["group"] is True
    assert {child.pid for child in stack.children("runs")} == children, "they stay warm"


@pytest.mark.case("dagster-X-daemonic")
def test_given_an_op_that_starts_processes_then_it_may(stack: Stack) -> None:
    assert stack.wait(stack.launch(python_jobs.multiplying)) == "SUCCESS"
    assert stack.noted("squares [1, 4, 9, 16]")


def started(stack: Stack) -> list[int]:
    line = until(lambda: stack.noted("children"), what="the children")[0]
    return [int(pid) for pid in line.split()[1].split(",")]


def gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.case("dagster-X-op-children")
@pytest.mark.parametrize(
    ("job", "ending"),
    [
        (python_jobs.leaving, "SUCCESS"),
        (python_jobs.leaving_and_failing, "FAILURE"),
        (python_jobs.leaving_and_killed, "FAILURE"),
    ],
)
def test_given_a_run_that_leaves_processes_when_it_ends_then_they_end_with_it(
    stack: Stack, job: dg.JobDefinition, ending: str
) -> None:
    run_id = stack.launch(job)
    assert stack.wait(run_id) == ending
    until(lambda: gone(started(stack)), 10, "the end of what it left")
    if job is python_jobs.leaving_and_killed:
        assert "its process was ended by SIGKILL" in stack.messages(run_id)


@pytest.mark.case("dagster-X-op-children")
def test_given_a_run_with_processes_when_it_is_cancelled_then_they_are_gone(stack: Stack) -> None:
    run_id = stack.launch(python_jobs.leaving_and_waiting)
    pids = started(stack)
    stack.instance.run_launcher.terminate(run_id)
    assert stack.wait(run_id) == "CANCELED"
    until(lambda: gone(pids), 10, "the end of what it left")


@pytest.mark.case("dagster-X-op-children")
def test_given_a_run_with_processes_when_its_time_is_up_then_they_are_gone(stack: Stack) -> None:
    run_id = stack.launch(python_jobs.leaving_and_waiting, **{"dagster/max_runtime": "1"})
    pids = started(stack)
    assert stack.wait(run_id) == "FAILURE"
    until(lambda: gone(pids), 10, "the end of what it left")


@pytest.mark.case("dagster-X-op-children")
def test_given_a_run_with_processes_when_the_workers_child_is_killed_then_they_are_gone(stack: Stack) -> None:
    run_id = stack.launch(python_jobs.leaving_and_waiting)
    pids = started(stack)
    worker_child = int(stack.noted("children")[0].split()[-1])
    tree = [each.pid for each in psutil.Process(worker_child).children(recursive=True)]
    assert set(pids) <= set(tree)
    psutil.Process(worker_child).kill()
    until(lambda: gone(tree), 10, "the end of what it left")
    stack.instance.run_launcher.terminate(run_id)
    until(lambda: stack.status(run_id) in ("CANCELED", "FAILURE"), 20)


@pytest.mark.case("dagster-X-op-children")
def test_given_a_run_with_processes_when_what_keeps_it_is_killed_then_they_are_gone(stack: Stack) -> None:
    run_id = stack.launch(python_jobs.leaving_and_waiting)
    pids = started(stack)
    worker_child = int(stack.noted("children")[0].split()[-1])
    (keeper,) = psutil.Process(worker_child).children()
    keeper.kill()
    assert stack.wait(run_id) == "FAILURE"
    until(lambda: gone(pids), 10, "the end of what it left")
