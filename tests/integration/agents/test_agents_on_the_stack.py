"""Agents on the real stack: daemon, sensors, Celery workers, guard."""

from __future__ import annotations

import json

from scheduler_defs.agents.deciding import TaskStatus
from tests.integration.agents.agents_at_work import AtWork
from tests.integration.running_stack import until


def test_given_a_chain_of_ten_tasks_when_added_then_each_is_done_once_and_in_order(at_work: AtWork) -> None:
    """How long that takes is measured by `benchmarks.queues`. The bound is only there so that nothing hangs."""
    ids = at_work.add("noop", 10, chained=True)
    tasks = at_work.wait(ids, TaskStatus.COMPLETE)
    assert [task.attempts for task in tasks] == [1] * 10
    finished = [task.finished for task in tasks if task.finished]
    assert finished == sorted(finished)


def test_given_a_finished_task_then_run_and_task_name_each_other_and_the_queue_is_plotted(
    at_work: AtWork,
) -> None:
    (id,) = at_work.add("noop", payload={"a": 1})
    (task,) = at_work.wait([id], TaskStatus.COMPLETE)
    (run,) = [
        run for run in at_work.stack.json("runs", "list", "--agent", "noop-1") if run["task"] == str(id)
    ]
    assert (run["run_id"], run["queue"], run["trigger"]) == (task.run_id, "noop", "agent_queue")
    shown = at_work.stack.json("tasks", "show", str(id))
    assert shown["links"][0]["url"] == f"{at_work.stack.ui}/runs/{task.run_id}"
    assert [run["run_id"] for run in shown["runs"]] == [task.run_id]
    query = (
        '{ assetOrError(assetKey: {path: ["agent_queues", "noop"]}) { ... on Asset'
        " { assetObservations { metadataEntries { label } } } } }"
    )
    until(lambda: at_work.graphql(query)["assetOrError"]["assetObservations"], "an observation of the queue")
    (first, *_) = at_work.graphql(query)["assetOrError"]["assetObservations"]
    labels = {entry["label"] for entry in first["metadataEntries"]}
    assert {"idle", "blocked", "working", "oldest_seconds", "completed_last_hour"} <= labels


def test_given_a_working_agent_when_its_run_is_cancelled_then_process_and_task_end(at_work: AtWork) -> None:
    ids = at_work.add("slow", 2)
    (task,) = at_work.wait(ids[:1], TaskStatus.WORKING)
    until(lambda: at_work.processes("sleep"), "the agent's process")
    rows = {row["queue"]: row for row in at_work.stack.json("queues")}
    assert (rows["slow"]["working"], rows["slow"]["agents"]) == (1, {"slow-1": "1/1"})
    preview = at_work.stack.json("agents", "reconcile", "--queue", "slow", "--dry-run")
    assert preview["placed"] == []
    assert {w["task"]: w["reason"] for w in preview["waiting"]} == {ids[1]: "no free slot: slow-1 1/1"}
    assert task.run_id is not None
    at_work.queue.cancel(ids[1], reason="enough", author="test")
    at_work.stack.run("runs", "cancel", task.run_id)
    (ended,) = at_work.wait(ids[:1], TaskStatus.CANCELED, seconds=20)
    assert "the run was canceled" in at_work.queue.details(ended.id).comments[-1].content
    until(lambda: not at_work.processes("sleep"), "the agent's process gone", 10)


def test_given_a_paused_agent_when_tasks_come_then_they_wait_and_the_tick_says_why(at_work: AtWork) -> None:
    at_work.stack.json("agents", "pause", "noop-1", "--reason", "test")
    (id,) = at_work.add("noop")
    try:

        def reason() -> str:
            return at_work.last_tick("noop").get("skipReason") or ""

        until(lambda: "noop-1 paused, paused-1 disabled" in reason(), "a tick that says so")
        assert at_work.queue.get(id).status is TaskStatus.IDLE
        why = at_work.stack.json("why", "queue:noop")
        assert why["state"] == "waiting"
        assert "signalbox agents resume noop-1" in why["commands"]
    finally:
        at_work.stack.json("agents", "resume", "noop-1")
    at_work.wait([id], TaskStatus.COMPLETE)


def test_given_the_commands_output_when_read_by_a_program_then_it_is_one_document(at_work: AtWork) -> None:
    done = at_work.stack.run("agents", "list", "--json")
    assert {agent["name"] for agent in json.loads(done.stdout)} >= {"noop-1", "slow-1", "paused-1"}
