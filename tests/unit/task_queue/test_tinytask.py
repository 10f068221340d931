"""What only a TinyTask server does: no compare-and-set, rings, archived blockers, subtasks, being away."""

from __future__ import annotations

import socket
import time

import pytest

from scheduler_defs.agents.deciding import AgentView, Ending, Policy, TaskStatus, Verdict, match
from scheduler_defs.agents.task_queue.models import TaskQuery
from scheduler_defs.agents.task_queue.new_task import NewTask
from scheduler_defs.agents.task_queue.protocol import NotNeededError, NotSupportedError, TaskQueueDownError
from scheduler_defs.agents.task_queue.tinytask.queue import TinyTaskQueue
from scheduler_defs.errors import SignalboxError
from tests.standins.tinytask import TinyTaskServer
from tests.unit.task_queue.asking import add, candidates, comments, now, request


def look(queue: TinyTaskQueue) -> dict[int, str]:
    """Reasons of a pass with one agent of many slots: what is not placed, and why."""
    view = queue.look("dev", demand=lambda kind: 99, policy=Policy(), requested=(), now=now())
    agents = [AgentView("vaela", 99, max_attempts=3)]
    decided = match(view.candidates, agents, now=now(), policy=Policy())
    return {waiting.task: waiting.reason for waiting in decided.waiting}


def test_given_a_server_that_is_down_when_asked_then_the_error_names_it_soon(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    """W9: a server that was down looked like an empty queue."""
    add(tinytask_queue)
    tinytask_server.down()
    started = time.monotonic()
    with pytest.raises(TaskQueueDownError, match=f"{tinytask_server.url} does not answer"):
        candidates(tinytask_queue)
    assert time.monotonic() - started < 5
    tinytask_server.up()
    assert len(candidates(tinytask_queue)) == 1


def test_given_a_server_that_never_answers_when_asked_then_the_wait_is_bounded() -> None:
    """W9: the default transport made the scheduler hang for ever, holding its lock."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        queue = TinyTaskQueue(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.2)
        started = time.monotonic()
        with pytest.raises(TaskQueueDownError, match="does not answer: timed out"):
            queue.counts()
        assert time.monotonic() - started < 3
        queue.close()


@pytest.mark.parametrize("document", [{"tasks": []}, [{"id": 1}], "none", None])
def test_given_another_kind_of_server_when_asked_then_it_is_an_error_not_an_empty_queue(
    tinytask_server: TinyTaskServer,
    tinytask_queue: TinyTaskQueue,
    document: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tinytask_server, "answer", lambda *_: (200, document))
    with pytest.raises(TaskQueueDownError, match="does not speak TinyTask's REST API"):
        tinytask_queue.counts()


def test_given_a_connection_that_breaks_when_reading_then_it_is_tried_again(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    id = add(tinytask_queue)
    broken = iter([True, True])

    def cut(method: str, path: str) -> None:
        if next(broken, False):
            raise ConnectionError

    tinytask_server.before_answer = cut
    assert tinytask_queue.get(id).title == "a task"


def test_given_a_connection_that_breaks_when_creating_then_it_is_not_tried_again(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    """A POST that may have arrived must not be repeated: it would make a second task."""

    def cut(method: str, path: str) -> None:
        raise ConnectionError

    tinytask_server.before_answer = cut
    with pytest.raises(TaskQueueDownError):
        add(tinytask_queue)
    assert [request for request in tinytask_server.requests if request[0] == "POST"] == [
        ("POST", "/api/v1/tasks")
    ]


def test_given_a_ring_of_three_when_a_pass_looks_then_it_is_reported_and_not_waited_for(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    first = add(tinytask_queue)
    second = add(tinytask_queue, blocked_by=(first,))
    third = add(tinytask_queue, blocked_by=(second,))
    after = add(tinytask_queue, blocked_by=(third,))
    free = add(tinytask_queue)
    tinytask_server.store.update(first, {"blocked_by_task_id": third})
    assert look(tinytask_queue) == {
        first: f"cycle {first} -> {third} -> {second} -> {first}",
        second: f"cycle {second} -> {first} -> {third} -> {second}",
        third: f"cycle {third} -> {second} -> {first} -> {third}",
        after: f"cycle {first} -> {third} -> {second} -> {first}",
    }
    view = tinytask_queue.look("dev", demand=lambda kind: 9, policy=Policy(), requested=(), now=now())
    assert view.cycles == ((first, third, second, first),)
    assert view.faults[0] == f"cycle {first} -> {third} -> {second} -> {first}: unblock one of them"
    assert list(candidates(tinytask_queue)) == [free]


def test_given_an_archived_blocker_when_a_pass_looks_then_somebody_is_told(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    first = add(tinytask_queue)
    second = add(tinytask_queue, blocked_by=(first,))
    tinytask_server.store.archive(first)
    assert look(tinytask_queue) == {second: f"blocked by {first} (archived)"}
    view = tinytask_queue.look("dev", demand=lambda kind: 9, policy=Policy(), requested=(), now=now())
    assert view.faults == (
        f"task {second} waits for {first}, which is archived: complete {first}, or unblock {second}",
    )


def test_given_a_deleted_blocker_when_a_pass_looks_then_the_task_can_start(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    first = add(tinytask_queue)
    second = add(tinytask_queue, blocked_by=(first,))
    tinytask_server.store.delete(first)
    assert list(candidates(tinytask_queue)) == [second]


def test_given_blocked_tasks_before_the_free_one_when_a_pass_looks_then_the_free_one_is_found(
    tinytask_queue: TinyTaskQueue,
) -> None:
    """W1: two blocked tasks of high priority filled the window, and nothing ever ran."""
    blocker = add(tinytask_queue)
    for _ in range(3):
        add(tinytask_queue, priority=5, blocked_by=(blocker,))
    found = candidates(tinytask_queue, most=2)
    assert list(found) == [blocker]
    assert found[blocker].frees == 3


def test_given_an_agent_that_adds_a_subtask_when_its_run_settles_then_the_claim_still_stands(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    """W2b: adding a subtask flips the parent to idle, and the scheduler started it a second time."""
    parent = add(tinytask_queue)
    tinytask_queue.claim(parent, request(), now())
    child = add(tinytask_queue, parent=parent, assigned_to="oscar")
    assert tinytask_server.store.get(parent)["status"] == "idle"
    with pytest.raises(NotNeededError, match="run run-1 works on it"):
        tinytask_queue.claim(parent, request("run-2", "damien"), now())
    settled = tinytask_queue.settle(parent, request(), Ending.SUCCESS, now=now())
    assert (settled.verdict, settled.status) == (Verdict.COMPLETE, TaskStatus.COMPLETE)
    assert list(candidates(tinytask_queue)) == [child]


def test_given_open_subtasks_when_a_pass_looks_then_the_parent_waits_for_them(
    tinytask_queue: TinyTaskQueue,
) -> None:
    parent = add(tinytask_queue)
    child = add(tinytask_queue, parent=parent)
    assert look(tinytask_queue) == {parent: f"blocked by {child} (idle)"}


def test_given_a_subtask_that_waits_for_its_parent_when_a_pass_looks_then_the_parent_goes_first(
    tinytask_queue: TinyTaskQueue,
) -> None:
    parent = add(tinytask_queue)
    child = add(tinytask_queue, parent=parent, blocked_by=(parent,))
    assert look(tinytask_queue) == {child: f"blocked by {parent} (idle)"}


def test_given_a_task_reset_in_the_server_when_its_run_settles_then_it_is_left_to_its_owner(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    """W2: a human resets a working task to idle."""
    id = add(tinytask_queue)
    tinytask_queue.claim(id, request(), now())
    tinytask_server.store.update(id, {"status": "idle"})
    settled = tinytask_queue.settle(id, request(), Ending.SUCCESS, now=now())
    assert (settled.verdict, settled.status) == (Verdict.LEAVE, TaskStatus.IDLE)
    task = tinytask_queue.get(id)
    assert (task.run_id, task.assigned_to) == (None, None)


def test_given_an_archived_task_when_its_run_settles_then_it_is_left_alone(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    id = add(tinytask_queue)
    tinytask_queue.claim(id, request(), now())
    tinytask_server.store.archive(id)
    assert tinytask_queue.settle(id, request(), Ending.SUCCESS, now=now()).verdict is Verdict.LEAVE


@pytest.mark.parametrize("step", ["signup", "comments"])
def test_given_a_claim_broken_off_when_a_pass_looks_then_the_task_is_not_lost(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue, step: str
) -> None:
    """W4: a task could stay working for ever with nobody on it."""
    id = add(tinytask_queue, assigned_to="vaela")

    def cut(method: str, path: str) -> None:
        if path.endswith(step):
            raise ConnectionError

    tinytask_server.before_answer = cut
    with pytest.raises(TaskQueueDownError):
        tinytask_queue.claim(id, request(), now())
    tinytask_server.before_answer = None
    (holder,) = tinytask_queue.held_by_runs()
    assert (holder.task_id, holder.run_id) == (id, "run-1")
    settled = tinytask_queue.settle(id, request(), Ending.WORKER_LOST, now=now())
    assert settled.status is TaskStatus.IDLE
    assert tinytask_queue.get(id).assigned_to == "vaela"
    assert tinytask_queue.held_by_runs() == []
    assert list(candidates(tinytask_queue)) == [id]


def test_given_a_claim_broken_off_before_sign_up_when_another_run_claims_then_it_gets_the_task(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    id = add(tinytask_queue)
    tinytask_server.store.update(id, {"assigned_to": "signalbox-claim::run-0"})
    assert list(candidates(tinytask_queue)) == [id]
    claimed = tinytask_queue.claim(id, request(), now())
    assert (claimed.agent, claimed.run_id, claimed.assigned_to) == ("vaela", "run-1", None)


def test_given_tags_that_people_broke_when_read_then_the_task_is_still_there(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    id = add(tinytask_queue)
    tinytask_server.store.update(id, {"tags": ["signalbox:attempts=many", "signalbox:", "x"]})
    task = tinytask_queue.get(id)
    assert (task.attempts, task.tags) == (0, ("x",))


def test_given_what_tinytask_cannot_hold_when_added_then_it_is_refused_by_name(
    tinytask_queue: TinyTaskQueue,
) -> None:
    first, second = add(tinytask_queue), add(tinytask_queue)
    for fields, name in (
        ({"payload": {"a": 1}}, "a payload"),
        ({"deadline": now()}, "a deadline"),
        ({"blocked_by": (first, second)}, "more than one blocker"),
    ):
        with pytest.raises(NotSupportedError, match=f"TinyTask cannot hold {name}"):
            add(tinytask_queue, **fields)
    third = add(tinytask_queue, blocked_by=(first,))
    with pytest.raises(NotSupportedError, match="one blocker per task"):
        tinytask_queue.block(third, second, author="ann")


def test_given_a_batch_when_one_task_is_refused_then_those_before_it_are_gone_again(
    tinytask_queue: TinyTaskQueue,
) -> None:
    with pytest.raises(SignalboxError, match="bytes of task; TinyTask takes at most"):
        tinytask_queue.add(
            [NewTask(title="a", queue="dev"), NewTask(title="b", queue="dev", description="x" * 200_000)]
        )
    assert tinytask_queue.find(TaskQuery()) == []


def test_given_a_result_when_settled_then_it_is_kept_in_a_comment(tinytask_queue: TinyTaskQueue) -> None:
    id = add(tinytask_queue)
    tinytask_queue.claim(id, request(), now())
    tinytask_queue.settle(id, request(), Ending.SUCCESS, result={"files": 3}, now=now())
    assert comments(tinytask_queue, id)[-1].endswith('\nresult: {"files": 3}')


def test_given_five_thousand_tasks_when_a_pass_looks_then_it_sees_those_that_are_free(
    tinytask_server: TinyTaskServer, tinytask_queue: TinyTaskQueue
) -> None:
    for n in range(5_000):
        blocker = n if n % 5 == 4 else None
        tinytask_server.store.create(
            {"title": "t", "created_by": "x", "queue_name": "dev", "blocked_by_task_id": blocker}
        )
    assert len(candidates(tinytask_queue)) == 4_000
