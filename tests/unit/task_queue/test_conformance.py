"""What every task queue must do, whatever holds the tasks. Run over Postgres and over TinyTask."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from scheduler_defs.agents.deciding import Ending, Policy, TaskStatus, Verdict
from scheduler_defs.agents.task_queue.models import TaskQuery
from scheduler_defs.agents.task_queue.new_task import NewTask
from scheduler_defs.agents.task_queue.protocol import (
    BlockerCycleError,
    NotNeededError,
    TaskQueue,
    UnknownTaskError,
)
from scheduler_defs.errors import SignalboxError
from tests.unit.task_queue.asking import add, candidates, comments, counts, now, request

MINUTE = dt.timedelta(minutes=1)


def test_given_a_new_task_when_read_then_everything_given_is_there(queue: TaskQueue) -> None:
    id = add(
        queue,
        "Set up",
        description="make it so\nand well",
        priority=7,
        tags=("db", 'odd "one", \\{x}'),
        capabilities=("x86", "gpu"),
        recipe="fix.yaml",
        assigned_to="vaela",
        max_attempts=5,
        created_by="ann",
    )
    task = queue.get(id)
    assert (task.title, task.description, task.queue) == ("Set up", "make it so\nand well", "dev")
    assert (task.status, task.priority, task.attempts) == (TaskStatus.IDLE, 7, 0)
    assert (task.tags, task.capabilities) == (("db", 'odd "one", \\{x}'), ("gpu", "x86"))
    assert (task.recipe, task.assigned_to, task.max_attempts) == ("fix.yaml", "vaela", 5)
    assert (task.created_by, task.blocked_by, task.blocked) == ("ann", (), False)
    assert abs(now() - task.created) < MINUTE


def test_given_tasks_that_name_each_other_when_added_then_the_blockers_hold(queue: TaskQueue) -> None:
    ids = queue.add(
        [
            NewTask(title="last", queue="dev", key="c", blocked_by=("b",)),
            NewTask(title="first", queue="dev", key="a"),
            NewTask(title="middle", queue="dev", key="b", blocked_by=("a",)),
        ]
    )
    last, first, middle = ids
    assert queue.get(last).blocked_by == (middle,)
    assert queue.get(middle).blocked_by == (first,)
    assert list(candidates(queue)) == [first]
    assert candidates(queue)[first].frees == 2


def test_given_a_ring_among_new_tasks_when_added_then_it_is_spelled_out_and_nothing_is_added(
    queue: TaskQueue,
) -> None:
    with pytest.raises(
        BlockerCycleError, match=r"form a cycle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b)"
    ):
        queue.add(
            [
                NewTask(title="a", queue="dev", key="a", blocked_by=("b",)),
                NewTask(title="b", queue="dev", key="b", blocked_by=("c",)),
                NewTask(title="c", queue="dev", key="c", blocked_by=("a",)),
            ]
        )
    assert counts(queue).idle == 0


def test_given_a_blocker_that_is_not_there_when_added_then_it_is_named_and_nothing_is_added(
    queue: TaskQueue,
) -> None:
    with pytest.raises(UnknownTaskError, match="999"):
        queue.add([NewTask(title="a", queue="dev"), NewTask(title="b", queue="dev", blocked_by=(999,))])
    with pytest.raises(UnknownTaskError, match="'nobody'"):
        add(queue, "c", blocked_by=("nobody",))
    assert counts(queue).idle == 0


def test_given_a_chain_when_its_end_is_blocked_by_its_head_then_the_cycle_is_refused(
    queue: TaskQueue,
) -> None:
    first = add(queue)
    second = add(queue, blocked_by=(first,))
    third = add(queue, blocked_by=(second,))
    with pytest.raises(BlockerCycleError, match=f"{first} -> {third} -> {second} -> {first}"):
        queue.block(first, third, author="ann")
    with pytest.raises(BlockerCycleError, match=f"{first} -> {first}"):
        queue.block(first, first, author="ann")
    assert queue.get(first).blocked_by == ()


def test_given_a_blocked_task_when_its_blocker_completes_then_it_can_start(queue: TaskQueue) -> None:
    first = add(queue)
    second = add(queue, priority=9, blocked_by=(first,))
    assert queue.get(second).blocked
    assert list(candidates(queue)) == [first]
    queue.complete(first, author="ann")
    assert list(candidates(queue)) == [second]
    queue.requeue(first, author="ann")
    assert list(candidates(queue)) == [first]


def test_given_a_working_blocker_when_looked_at_then_the_dependent_still_waits(queue: TaskQueue) -> None:
    first = add(queue)
    second = add(queue, blocked_by=(first,))
    queue.claim(first, request(), now())
    assert candidates(queue) == {}
    waiting = queue.waiting("dev", policy=Policy(), requested=(), limit=10, now=now())
    assert [(c.id, [(b.id, b.state) for b in c.blockers]) for c in waiting] == [
        (second, [(first, "working")])
    ]


def test_given_blockers_when_set_and_removed_by_hand_then_the_task_waits_or_not(queue: TaskQueue) -> None:
    first, second = add(queue), add(queue)
    queue.block(second, first, author="ann")
    assert list(candidates(queue)) == [first]
    queue.unblock(second, first, author="ann")
    assert sorted(candidates(queue)) == [first, second]
    queue.block(second, first, author="ann")
    queue.unblock(second, None, author="ann")
    assert sorted(candidates(queue)) == [first, second]
    with pytest.raises(SignalboxError, match=f"task {second} does not wait for {first}"):
        queue.unblock(second, first, author="ann")


def test_given_a_dead_blocker_when_looked_at_then_the_dependent_waits_for_a_person(queue: TaskQueue) -> None:
    first = add(queue)
    second = add(queue, blocked_by=(first,))
    queue.cancel(first, reason="not wanted", author="ann")
    view = queue.look("dev", demand=lambda kind: 9, policy=Policy(), requested=(), now=now())
    assert candidates(queue) == {}
    assert any(f"task {second} waits for {first}, which is canceled" in fault for fault in view.faults)
    queue.unblock(second, None, author="ann")
    assert list(candidates(queue)) == [second]


def test_given_a_claim_when_read_then_the_task_names_agent_run_and_attempt(queue: TaskQueue) -> None:
    id = add(queue)
    claimed = queue.claim(id, request("run-7", link="http://ui/runs/run-7"), now())
    assert (claimed.status, claimed.agent, claimed.run_id, claimed.attempts) == (
        TaskStatus.WORKING,
        "vaela",
        "run-7",
        1,
    )
    assert queue.get(id) == claimed
    assert [link.url for link in queue.details(id).links] == ["http://ui/runs/run-7"]
    assert comments(queue, id) == ["vaela started attempt 1 of 3 (run run-7)"]
    assert [(h.task_id, h.run_id, h.agent, h.attempt) for h in queue.held_by_runs()] == [
        (id, "run-7", "vaela", 1)
    ]


def test_given_many_runs_when_they_claim_one_task_at_once_then_one_gets_it(queue: TaskQueue) -> None:
    """W2, W6: no task is ever worked on twice."""
    for round in range(5):
        id = add(queue)

        def claim(number: int, id: int = id, round: int = round) -> str | None:
            try:
                return queue.claim(id, request(f"run-{round}-{number}", f"a{number}"), now()).run_id
            except NotNeededError:
                return None

        with ThreadPoolExecutor(12) as threads:
            won = [run for run in threads.map(claim, range(12)) if run is not None]
        assert len(won) == 1
        task = queue.get(id)
        assert (task.status, task.run_id, task.attempts) == (TaskStatus.WORKING, won[0], 1)


def test_given_the_same_run_when_it_claims_again_then_it_still_has_the_task_and_one_attempt(
    queue: TaskQueue,
) -> None:
    id = add(queue)
    queue.claim(id, request(), now())
    assert queue.claim(id, request(), now()).attempts == 1


def test_given_changes_meanwhile_when_claiming_then_the_run_is_not_needed_and_says_why(
    queue: TaskQueue,
) -> None:
    done, canceled, moved, other, blocked, later, blocker = (add(queue) for _ in range(7))
    queue.complete(done, author="ann")
    queue.cancel(canceled, reason="", author="ann")
    queue.move(moved, "qa", author="ann")
    queue.assign(other, "oscar", author="ann")
    queue.block(blocked, blocker, author="ann")
    later = add(queue, not_before=now() + 60 * MINUTE)
    needy = add(queue, capabilities=("gpu",))
    taken = add(queue)
    queue.claim(taken, request("run-0"), now())
    for id, why in {
        done: "it is complete",
        canceled: "it is canceled",
        moved: "it has moved to queue qa",
        other: "it is assigned to oscar",
        blocked: rf"it is blocked by {blocker} \(idle\)",
        later: "it is not to start before",
        needy: "it needs gpu",
        taken: "run run-0 works on it",
    }.items():
        with pytest.raises(NotNeededError, match=f"task {id}: {why}"):
            queue.claim(id, request(), now())
    with pytest.raises(UnknownTaskError):
        queue.claim(999, request(), now())


def test_given_blocking_off_when_claiming_then_blockers_do_not_matter(queue: TaskQueue) -> None:
    first = add(queue)
    second = add(queue, blocked_by=(first,))
    off = Policy(blocking=False)
    view = queue.look("dev", demand=lambda kind: 9, policy=off, requested=(), now=now())
    assert sorted(c.id for c in view.candidates) == [first, second]
    assert queue.claim(second, request(blocking=False), now()).status is TaskStatus.WORKING


def test_given_success_when_settled_then_the_task_is_complete_and_its_dependents_are_free(
    queue: TaskQueue,
) -> None:
    first = add(queue)
    second = add(queue, queue="qa", blocked_by=(first,))
    queue.claim(first, request(), now())
    settled = queue.settle(first, request(), Ending.SUCCESS, now=now())
    assert (settled.verdict, settled.status) == (Verdict.COMPLETE, TaskStatus.COMPLETE)
    assert queue.get(first).status is TaskStatus.COMPLETE
    assert not queue.get(second).blocked
    assert comments(queue, first)[-1] == "vaela ended: exit code 0. The task is complete (run run-1)"
    assert queue.held_by_runs() == []


def test_given_a_failure_when_settled_then_the_task_waits_out_its_back_off_and_returns_to_the_pool(
    queue: TaskQueue,
) -> None:
    """W12: a failing task was started again on every pass. W8: it stayed with the agent that failed it."""
    id = add(queue)
    queue.claim(id, request(), now())
    settled = queue.settle(id, request(), Ending.EXIT_CODE, detail="exit code 3", wait=MINUTE, now=now())
    assert settled.verdict is Verdict.RETRY
    task = queue.get(id)
    assert (task.status, task.attempts, task.assigned_to, task.agent) == (TaskStatus.IDLE, 1, None, "vaela")
    assert task.not_before is not None
    assert dt.timedelta(seconds=50) < task.not_before - now() <= MINUTE
    assert candidates(queue) == {}
    assert counts(queue).held == 1
    assert "exit code 3; attempt 1 of 3. The task is back to idle, not before" in comments(queue, id)[-1]
    with pytest.raises(NotNeededError, match="not to start before"):
        queue.claim(id, request("run-2"), now())


def test_given_no_back_off_when_settled_then_the_task_can_start_again_at_once(queue: TaskQueue) -> None:
    id = add(queue, assigned_to="vaela")
    queue.claim(id, request(), now())
    queue.settle(id, request(), Ending.WORKER_LOST, now=now())
    again = candidates(queue)[id]
    assert (again.attempts, again.last_agent, again.assigned_to) == (0, "vaela", "vaela")
    assert queue.claim(id, request("run-2"), now()).attempts == 1


def test_given_the_last_attempt_when_it_fails_then_the_task_is_a_dead_letter(queue: TaskQueue) -> None:
    id = add(queue)
    for attempt in range(1, 4):
        queue.claim(id, request(f"run-{attempt}"), now())
        settled = queue.settle(id, request(f"run-{attempt}"), Ending.TIMEOUT, now=now())
    assert (settled.verdict, settled.status) == (Verdict.DEAD_LETTER, TaskStatus.FAILED)
    assert queue.get(id).status is TaskStatus.FAILED
    assert candidates(queue) == {}
    assert counts(queue).failed == 1
    with pytest.raises(NotNeededError, match="it is failed"):
        queue.claim(id, request("run-4"), now())
    queue.requeue(id, author="ann")
    assert queue.get(id).attempts == 0
    assert list(candidates(queue)) == [id]


def test_given_a_cancelled_run_when_settled_then_the_task_is_canceled(queue: TaskQueue) -> None:
    id = add(queue)
    queue.claim(id, request(), now())
    assert queue.settle(id, request(), Ending.CANCELED, now=now()).status is TaskStatus.CANCELED
    assert queue.get(id).status is TaskStatus.CANCELED
    assert candidates(queue) == {}


@pytest.mark.parametrize("ending", [Ending.SUCCESS, Ending.EXIT_CODE, Ending.WORKER_LOST])
def test_given_an_agent_that_completed_its_task_when_settled_then_its_word_counts(
    queue: TaskQueue, ending: Ending
) -> None:
    """W5: a task that was done was reset to idle, and done again."""
    id = add(queue)
    queue.claim(id, request(), now())
    queue.complete(id, author="vaela")
    settled = queue.settle(id, request(), ending, now=now())
    assert (settled.verdict, settled.status) == (Verdict.LEAVE, TaskStatus.COMPLETE)
    assert "the task was already complete" in settled.why


def test_given_an_agent_that_gave_up_when_it_exits_with_0_then_the_task_stays_failed(
    queue: TaskQueue,
) -> None:
    id = add(queue)
    queue.claim(id, request(), now())
    queue.fail(id, reason="no credentials", author="vaela")
    assert queue.settle(id, request(), Ending.SUCCESS, now=now()).status is TaskStatus.FAILED
    assert "failed: no credentials" in comments(queue, id)


def test_given_a_hand_off_when_settled_then_the_task_waits_in_the_other_queue_with_all_attempts(
    queue: TaskQueue,
) -> None:
    id = add(queue)
    queue.claim(id, request(), now())
    queue.move(id, "qa", author="vaela")
    settled = queue.settle(id, request(), Ending.SUCCESS, now=now())
    assert (settled.verdict, settled.status) == (Verdict.LEAVE, TaskStatus.IDLE)
    task = queue.get(id)
    assert (task.queue, task.status, task.assigned_to, task.attempts) == ("qa", TaskStatus.IDLE, None, 0)


def test_given_a_person_who_took_the_task_back_when_settled_then_it_stays_idle(queue: TaskQueue) -> None:
    """W2: a human resets a working task to idle."""
    id = add(queue)
    queue.claim(id, request(), now())
    queue.requeue(id, author="ann")
    settled = queue.settle(id, request(), Ending.SUCCESS, now=now())
    assert (settled.verdict, settled.status) == (Verdict.LEAVE, TaskStatus.IDLE)
    assert "taken back" in settled.why


def test_given_a_settled_task_when_settled_again_then_nothing_changes(queue: TaskQueue) -> None:
    id = add(queue)
    queue.claim(id, request(), now())
    queue.settle(id, request(), Ending.SUCCESS, now=now())
    assert queue.settle(id, request(), Ending.EXIT_CODE, now=now()).verdict is Verdict.LEAVE
    assert queue.get(id).status is TaskStatus.COMPLETE


def test_given_another_run_on_the_task_when_an_old_one_settles_then_the_new_one_keeps_it(
    queue: TaskQueue,
) -> None:
    id = add(queue)
    queue.claim(id, request("old"), now())
    queue.settle(id, request("old"), Ending.WORKER_LOST, now=now())
    queue.claim(id, request("new", "damien"), now())
    assert queue.settle(id, request("old"), Ending.SUCCESS, now=now()).verdict is Verdict.LEAVE
    task = queue.get(id)
    assert (task.status, task.run_id, task.agent) == (TaskStatus.WORKING, "new", "damien")


def test_given_a_requested_task_when_looked_at_then_it_is_no_candidate(queue: TaskQueue) -> None:
    first, second = add(queue), add(queue)
    assert list(candidates(queue, requested=(first,))) == [second]
    waiting = queue.waiting("dev", policy=Policy(), requested=(first,), limit=10, now=now())
    assert {c.id: c.requested_for is not None for c in waiting} == {first: True, second: False}


def test_given_a_task_for_later_when_its_time_comes_then_it_is_a_candidate(queue: TaskQueue) -> None:
    id = add(queue, not_before=now() + 60 * MINUTE)
    assert candidates(queue) == {}
    assert counts(queue).held == 1
    later = now() + 61 * MINUTE
    view = queue.look("dev", demand=lambda kind: 9, policy=Policy(), requested=(), now=later)
    assert [c.id for c in view.candidates] == [id]


def test_given_states_when_counted_then_each_task_is_in_one(queue: TaskQueue) -> None:
    first = add(queue)
    add(queue, blocked_by=(first,))
    add(queue, not_before=now() + MINUTE)
    working, failed, done = add(queue), add(queue), add(queue)
    queue.claim(working, request(), now())
    queue.fail(failed, reason="x", author="ann")
    queue.complete(done, author="ann")
    add(queue, queue="qa")
    numbers = counts(queue)
    assert (numbers.ready, numbers.blocked, numbers.held, numbers.working, numbers.failed) == (1, 1, 1, 1, 1)
    assert numbers.idle == 3
    assert numbers.oldest is not None
    assert set(queue.counts()) == {"dev", "qa"}


def test_given_queries_when_finding_then_all_conditions_hold_and_the_newest_come_first(
    queue: TaskQueue,
) -> None:
    a, b, c = add(queue, assigned_to="vaela"), add(queue), add(queue, queue="qa")
    queue.claim(b, request(agent="vaela"), now())
    queue.fail(c, reason="", author="ann")

    def ids(**fields: object) -> list[int]:
        return [task.id for task in queue.find(TaskQuery(**fields))]  # type: ignore[arg-type]

    assert ids() == [c, b, a]
    assert ids(limit=1) == [c]
    assert ids(limit=None) == [a, b, c]
    assert ids(queue="dev") == [b, a]
    assert ids(statuses=(TaskStatus.IDLE,)) == [a]
    assert ids(statuses=(TaskStatus.FAILED, TaskStatus.WORKING)) == [c, b]
    assert ids(assigned_to="vaela") == [b, a]
    assert ids(ids=(a, c)) == [c, a]


def test_given_waiting_tasks_when_asked_for_the_graph_then_titles_queues_and_states_are_there(
    queue: TaskQueue,
) -> None:
    first = add(queue, "dig")
    second = add(queue, "build", queue="qa", blocked_by=(first,))
    (edge,) = queue.open_edges()
    assert (edge.task, edge.blocker, edge.task_title, edge.blocker_title) == (second, first, "build", "dig")
    assert (edge.task_queue, edge.blocker_queue, edge.blocker_state) == ("qa", "dev", "idle")
    assert queue.details(first).blocks == (second,)


def test_given_a_subtask_when_added_then_its_parent_lists_it(queue: TaskQueue) -> None:
    parent = add(queue)
    child = add(queue, parent=parent)
    assert queue.get(child).parent_id == parent
    assert queue.details(parent).subtasks == (child,)


def test_given_people_when_they_steer_a_task_then_every_step_leaves_a_comment(queue: TaskQueue) -> None:
    id = add(queue)
    queue.comment(id, "look here", author="ann")
    queue.assign(id, "vaela", author="ann")
    queue.assign(id, None, author="ann")
    queue.move(id, "qa", author="ann")
    queue.link(id, "http://x/1", description="a page", author="ann")
    queue.link(id, "http://x/1", description="a page", author="ann")
    found = queue.details(id)
    assert [(c.content, c.created_by) for c in found.comments] == [
        ("look here", "ann"),
        ("assigned to vaela", "ann"),
        ("assigned to nobody in particular", "ann"),
        ("moved to queue qa", "ann"),
    ]
    assert [(link.url, link.description) for link in found.links] == [("http://x/1", "a page")]


def test_given_a_task_that_is_not_there_when_steered_then_that_is_said(queue: TaskQueue) -> None:
    id = add(queue)
    with pytest.raises(UnknownTaskError):
        queue.get(999)
    with pytest.raises(UnknownTaskError):
        queue.comment(999, "x", author="ann")
    with pytest.raises(UnknownTaskError):
        queue.block(id, 999, author="ann")
    with pytest.raises(UnknownTaskError):
        queue.settle(999, request(), Ending.SUCCESS, now=now())


def test_given_a_request_that_is_carried_out_again_and_at_once_then_its_task_and_comment_are_there_once(
    queue: TaskQueue,
) -> None:
    if not queue.knows_requests:
        pytest.skip("it says so: who asks is told to look")
    new = [NewTask(title="once", queue="dev")]
    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(lambda _: queue.add(new, request="add"), range(8)))
        assert len(set(map(tuple, ids))) == 1
        (id,) = ids[0]
        list(threads.map(lambda _: queue.comment(id, "said", author="ann", request="say"), range(8)))
    assert (counts(queue).idle, comments(queue, id)) == (1, ["said"])
    assert queue.add(new, request="another") != ids[0]
