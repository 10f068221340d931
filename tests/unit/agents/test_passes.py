"""Passes over both task queues: reservations, remedies for lost runs, and what must never happen twice."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from scheduler_defs.agents.deciding import AgentMode, Ending, TaskStatus
from scheduler_defs.agents.deciding.healing import NO_RUN_AFTER, RunState
from scheduler_defs.agents.pool import agent_states, assignments
from scheduler_defs.agents.pool.assignments import AssignmentEnding
from scheduler_defs.agents.pool.passes import preview
from scheduler_defs.agents.task_queue.protocol import TaskQueue, TaskQueueDownError
from scheduler_defs.agents.task_queue.tinytask.queue import TinyTaskQueue
from scheduler_defs.declarations.models.declared import Backoff, QueueSettings, Retries
from scheduler_defs.timing import Window
from tests.patience import wait_until
from tests.standins.tinytask import TinyTaskServer
from tests.unit.agents.yard import Yard, agent, declared, now, placed
from tests.unit.task_queue.asking import add, comments

MINUTE = dt.timedelta(minutes=1)
LATER = NO_RUN_AFTER + dt.timedelta(seconds=1)


@pytest.fixture
def yard(queue_engine: sa.Engine, queue: TaskQueue, postgres_queue: object) -> Yard:
    """vaela and damien serve dev; nobody works yet."""
    return Yard(queue_engine, queue, declared(agent("vaela", 2), agent("damien", 1), backend=queue.backend))


def test_given_tasks_when_a_pass_is_made_then_runs_are_requested_up_to_the_free_slots(yard: Yard) -> None:
    first, second, third, _ = (add(yard.queue) for _ in range(4))
    passed = yard.look()
    assert placed(passed) == [(first, "vaela"), (second, "damien"), (third, "vaela")]
    assert passed.requests[0].run_key == f"task:{yard.queue.backend}:{first}:1"
    assert yard.look().requests == ()


def test_given_a_requested_task_when_passes_go_on_then_it_is_not_requested_again(yard: Yard) -> None:
    add(yard.queue)
    (request,) = yard.look().requests
    assert yard.look().requests == ()
    yard.begin(request, "run-1")
    assert yard.look().requests == ()
    assert [live.run_id for live in yard.live()] == ["run-1"]


@pytest.mark.parametrize("queue", ["tinytask"], indirect=True)
def test_given_a_task_done_by_another_process_within_the_same_moment_then_no_further_run_is_asked_for(
    yard: Yard, tinytask_server: TinyTaskServer
) -> None:
    """The snapshot in which it was idle was still fresh when it was no longer given to anybody."""
    assert isinstance(yard.queue, TinyTaskQueue)
    yard.queue._moment._clock = lambda: 0.0
    id = add(yard.queue)
    (request,) = yard.look().requests
    elsewhere = TinyTaskQueue(tinytask_server.url)
    elsewhere.claim(id, yard.request(request, "run-1"), now())
    elsewhere.complete(id, author="test")
    elsewhere.close()
    with yard.engine.begin() as connection:
        assignments.end(connection, request.run_key, AssignmentEnding.COMPLETE, now())
    assert yard.look().requests == ()


def test_given_many_passes_at_once_when_they_reserve_then_no_task_and_no_slot_is_given_twice(
    yard: Yard,
) -> None:
    for _ in range(6):
        add(yard.queue)
    with ThreadPoolExecutor(6) as threads:
        found = [
            request for passed in threads.map(lambda _: yard.look(), range(6)) for request in passed.requests
        ]
    assert len({request.task_id for request in found}) == len(found) == 3
    assert sorted(request.agent for request in found) == ["damien", "vaela", "vaela"]


def test_given_an_agent_of_two_queues_when_both_are_looked_at_then_its_limit_counts_for_both(
    queue_engine: sa.Engine, queue: TaskQueue, postgres_queue: object
) -> None:
    declarations = declared(agent("vaela", 2, queues=("dev", "qa")), backend=queue.backend)
    yard = Yard(queue_engine, queue, declarations)
    for name in ("dev", "dev", "qa", "qa"):
        add(queue, queue=name)
    with ThreadPoolExecutor(2) as threads:
        passes = list(threads.map(yard.look, ["dev", "qa"]))
    assert sum(len(passed.requests) for passed in passes) == 2


def test_given_queues_with_weights_when_passes_go_on_then_each_gets_its_part_of_the_shared_slots(
    queue_engine: sa.Engine, queue: TaskQueue, postgres_queue: object
) -> None:
    weights = {"dev": QueueSettings(weight=3), "qa": QueueSettings()}
    shared = agent("vaela", 4, queues=("dev", "qa"))
    yard = Yard(queue_engine, queue, declared(shared, backend=queue.backend, queues=weights))
    for _ in range(12):
        add(queue, queue="dev")
        add(queue, queue="qa")
    given: list[str] = []
    for _ in range(3):
        for name in ("qa", "dev"):
            given += [request.queue for request in yard.look(name).requests]
        for assignment in yard.live():
            with queue_engine.begin() as connection:
                assignments.end(connection, assignment.run_key, AssignmentEnding.COMPLETE, now())
            queue.complete(assignment.task_id, author="test")
    assert Counter(given) == {"dev": 9, "qa": 3}


def test_given_queues_without_weights_then_the_one_named_first_takes_all_shared_slots(
    queue_engine: sa.Engine, queue: TaskQueue, postgres_queue: object
) -> None:
    shared = agent("vaela", 2, queues=("dev", "qa"))
    yard = Yard(queue_engine, queue, declared(shared, backend=queue.backend))
    for _ in range(3):
        add(queue, queue="dev")
        add(queue, queue="qa")
    assert yard.look("qa").requests == ()
    assert len(yard.look("dev").requests) == 2


def test_given_a_run_that_settles_when_the_next_pass_is_made_then_the_slot_is_free_again(yard: Yard) -> None:
    yard.declarations = declared(agent(limit=1), backend=yard.queue.backend)
    first, second = add(yard.queue), add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    yard.queue.settle(first, yard.request(request, "run-1"), Ending.SUCCESS, now=now())
    with yard.engine.begin() as connection:
        assignments.end(connection, request.run_key, AssignmentEnding.COMPLETE, now())
    assert placed(yard.look()) == [(second, "vaela")]


def test_given_a_worker_killed_while_it_worked_when_its_run_has_failed_then_the_task_is_tried_again(
    yard: Yard,
) -> None:
    """W4, W7: a killed worker held its slot and its task for hours, or for ever."""
    id = add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    yard.runs.put("run-1", RunState.FAILED, failure="worker_lost")
    passed = yard.look()
    assert [healed.ending for healed in passed.healed] == [AssignmentEnding.GIVE_BACK]
    assert placed(passed)[0][0] == id
    assert passed.requests[0].run_key == f"task:{yard.queue.backend}:{id}:1.2"
    assert "the worker was lost; that counts as no attempt (1 of 5)" in comments(yard.queue, id)[-1]


def test_given_a_worker_killed_before_it_claimed_when_its_run_has_failed_then_no_attempt_is_lost(
    yard: Yard,
) -> None:
    id = add(yard.queue)
    (request,) = yard.look().requests
    yard.runs.put("run-1", RunState.FAILED, key=request.run_key, failure="worker_lost")
    passed = yard.look(at=now() + MINUTE)
    (again,) = passed.requests
    assert (again.task_id, again.attempt) == (id, 1)
    assert again.run_key == f"task:{yard.queue.backend}:{id}:1.2"
    assert yard.queue.get(id).attempts == 0


def test_given_a_worker_killed_between_reservation_and_claim_then_the_task_is_given_out_anew(
    yard: Yard,
) -> None:
    id = add(yard.queue)
    (request,) = yard.look().requests
    with yard.engine.begin() as connection:
        assignments.take(connection, request.run_key, "run-1", now())
    yard.runs.put("run-1", RunState.FAILED, failure="worker_lost")
    assert placed(yard.look())[0][0] == id
    assert comments(yard.queue, id) == []


def test_given_a_worker_killed_between_exit_and_settling_then_what_was_noted_counts(yard: Yard) -> None:
    """W5: work that was done was done again."""
    id = add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    with yard.engine.begin() as connection:
        assignments.note_outcome(connection, request.run_key, {"ending": "success", "detail": "exit code 0"})
    yard.runs.put("run-1", RunState.FAILED, failure="worker_lost")
    passed = yard.look()
    assert [healed.ending for healed in passed.healed] == [AssignmentEnding.COMPLETE]
    assert yard.queue.get(id).status is TaskStatus.COMPLETE


def test_given_a_worker_killed_between_settling_and_its_end_then_nothing_is_done_twice(yard: Yard) -> None:
    id = add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    yard.queue.settle(id, yard.request(request, "run-1"), Ending.SUCCESS, now=now())
    yard.runs.put("run-1", RunState.FAILED, failure="worker_lost")
    passed = yard.look()
    assert passed.requests == ()
    (healed,) = passed.healed
    assert healed.ending in (AssignmentEnding.LEAVE, AssignmentEnding.COMPLETE_ASIDE)
    assert yard.queue.get(id).status is TaskStatus.COMPLETE


def test_given_a_run_cancelled_while_it_waited_then_its_task_is_canceled(yard: Yard) -> None:
    id = add(yard.queue)
    (request,) = yard.look().requests
    yard.runs.put("run-1", RunState.CANCELED, key=request.run_key)
    assert yard.look(at=now() + MINUTE).requests == ()
    assert yard.queue.get(id).status is TaskStatus.CANCELED


def test_given_a_request_that_no_run_came_of_then_it_is_asked_for_again_and_then_given_up(yard: Yard) -> None:
    """The daemon was killed between the reservation and the run."""
    id = add(yard.queue)
    (request,) = yard.look().requests
    soon = yard.look(at=now() + dt.timedelta(seconds=6))
    assert soon.requests == ()
    assert [assignment.run_key for assignment in soon.again] == [request.run_key]
    late = yard.look(at=now() + LATER)
    assert [again.run_key for again in late.requests] == [f"task:{yard.queue.backend}:{id}:1.2"]


def test_given_a_run_that_waits_in_the_queue_for_long_then_its_request_stands(yard: Yard) -> None:
    add(yard.queue)
    (request,) = yard.look().requests
    yard.runs.put("run-1", RunState.UNFINISHED, key=request.run_key)
    passed = yard.look(at=now() + 60 * MINUTE)
    assert (passed.requests, passed.again, passed.healed) == ((), (), ())
    assert [live.run_id for live in yard.live()] == ["run-1"]


def test_given_a_run_that_is_too_late_when_it_starts_then_its_request_is_not_there_any_more(
    yard: Yard,
) -> None:
    add(yard.queue)
    (request,) = yard.look().requests
    (again,) = yard.look(at=now() + LATER).requests
    with yard.engine.begin() as connection:
        assert assignments.take(connection, request.run_key, "late", now()) is None
        assert assignments.take(connection, again.run_key, "run-2", now()) is not None
        assert assignments.take(connection, again.run_key, "other", now()) is None


def test_given_a_working_task_that_no_assignment_knows_when_swept_then_it_is_settled(yard: Yard) -> None:
    """W4: a task stayed working for ever after its lease was lost."""
    id = add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    with yard.engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE signalbox.assignments"))
    yard.runs.put("run-1", RunState.FAILED)
    assert yard.look().healed == ()
    passed = yard.look(sweep=True)
    assert [(healed.task_id, healed.ending) for healed in passed.healed] == [(id, AssignmentEnding.GIVE_BACK)]
    assert placed(passed)[0][0] == id


def test_given_a_working_task_whose_run_lives_when_swept_then_its_slot_is_counted_again(yard: Yard) -> None:
    yard.declarations = declared(agent(limit=1), backend=yard.queue.backend)
    add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    add(yard.queue)
    with yard.engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE signalbox.assignments"))
    passed = yard.look(sweep=True)
    assert (passed.requests, passed.healed) == ((), ())
    assert [live.run_id for live in yard.live()] == ["run-1"]


@pytest.mark.parametrize("note", ['{"ending": "as never seen"}', "[]", '"torn"', "{}"])
def test_given_a_note_that_cannot_be_read_then_the_slot_counts_and_the_runs_state_decides(
    yard: Yard, note: str
) -> None:
    """W6: behind a corrupt lease the slot was not counted, and the task was started on every pass."""
    yard.declarations = declared(agent(limit=1), backend=yard.queue.backend)
    id = add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE signalbox.assignments SET outcome = CAST(:note AS jsonb)"), {"note": note}
        )
    assert (yard.look().requests, [live.task_id for live in yard.live()]) == ((), [id])
    yard.runs.put("run-1", RunState.FAILED, failure="worker_lost")
    passed = yard.look()
    assert [healed.ending for healed in passed.healed] == [AssignmentEnding.GIVE_BACK]
    assert placed(passed) == [(id, "vaela")]


def test_given_a_pass_that_is_killed_while_it_decides_then_the_next_one_is_not_kept_out(yard: Yard) -> None:
    """W13: a refused instance erased the holder's pid, and a lock file could be held by two, or left behind."""
    id = add(yard.queue)
    holder = yard.engine.connect()
    assignments.lock_pass(holder)
    with ThreadPoolExecutor(1) as threads:
        kept_out = threads.submit(yard.look)
        with yard.engine.connect() as other:
            waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            wait_until(lambda: other.execute(waiting).scalar_one() > 0)
            assert not kept_out.done()
            other.execute(
                sa.text("SELECT pg_terminate_backend(:pid)"),
                {"pid": holder.connection.driver_connection.get_backend_pid()},
            )
        assert placed(kept_out.result(timeout=30)) == [(id, "vaela")]
    holder.invalidate()
    holder.close()


def test_given_a_person_who_resets_a_working_task_then_no_second_copy_is_started(yard: Yard) -> None:
    """W2: the process went on, and a second one was started beside it."""
    id = add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    yard.queue.requeue(id, author="ann")
    assert yard.look().requests == ()
    yard.queue.settle(id, yard.request(request, "run-1"), Ending.SUCCESS, now=now())
    with yard.engine.begin() as connection:
        assignments.end(connection, request.run_key, AssignmentEnding.LEAVE, now())
    assert placed(yard.look())[0][0] == id


def test_given_an_agent_that_adds_a_subtask_then_its_task_is_not_started_again(
    queue_engine: sa.Engine,
    postgres_queue: object,
    tinytask_queue: TinyTaskQueue,
    tinytask_server: TinyTaskServer,
) -> None:
    """W2b: the server flips the parent to idle, and the scheduler started it a second time."""
    yard = Yard(queue_engine, tinytask_queue, declared(agent(limit=5), backend="tinytask"))
    parent = add(tinytask_queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    child = add(tinytask_queue, parent=parent)
    assert tinytask_server.store.get(parent)["status"] == "idle"
    assert placed(yard.look()) == [(child, "vaela")]


def test_given_an_overdue_run_then_its_task_is_not_given_out_while_it_lives(yard: Yard) -> None:
    """W3: an overdue process was not ended, and a second one was started in the same pass."""
    add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    assert yard.look(at=now() + dt.timedelta(days=3), sweep=True).requests == ()


def test_given_a_run_of_another_host_then_only_its_state_in_dagster_counts(yard: Yard) -> None:
    """W10: leases of other hosts were judged by local pids, and taken away."""
    add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-on-another-host")
    assert yard.look(sweep=True).healed == ()


def test_given_a_failing_agent_when_passes_go_on_then_it_does_not_swallow_the_queue(yard: Yard) -> None:
    """W8: all tasks went to the agent whose starts failed at once."""
    with yard.engine.begin() as connection:
        for _ in range(3):
            agent_states.note_start(connection, "vaela", failed=True, now=now())
    first, second = add(yard.queue), add(yard.queue)
    passed = yard.look()
    assert placed(passed) == [(first, "damien")]
    assert "vaela passed over until" in passed.agents
    assert placed(yard.look(at=now() + dt.timedelta(seconds=31))) == [(second, "vaela")]
    with yard.engine.begin() as connection:
        agent_states.note_start(connection, "vaela", failed=False, now=now())
        assert agent_states.states(connection)["vaela"].passed_over_until is None


def test_given_working_hours_when_passes_go_on_then_work_is_given_only_within_them(yard: Yard) -> None:
    weekdays = Window.parse("mon-fri 09:00-17:00", "UTC")
    yard.declarations = declared(agent(limit=1, working_hours=(weekdays,)), backend=yard.queue.backend)
    id = add(yard.queue)
    monday = now().replace(hour=10) + dt.timedelta(days=7 - now().weekday())
    sunday = monday - dt.timedelta(days=1)
    closed = yard.look(at=sunday)
    assert (closed.requests, "vaela outside working hours" in closed.agents) == ((), True)
    assert placed(yard.look(at=monday)) == [(id, "vaela")]


def test_given_a_paused_agent_when_passes_go_on_then_it_gets_nothing_until_it_is_resumed(yard: Yard) -> None:
    yard.declarations = declared(agent(limit=1), backend=yard.queue.backend)
    id = add(yard.queue)
    for mode in (AgentMode.PAUSED, AgentMode.DRAINING):
        with yard.engine.begin() as connection:
            agent_states.set_mode(connection, "vaela", mode, reason="tea", actor="ann")
        passed = yard.look()
        assert (passed.requests, passed.agents) == ((), f"vaela {mode}")
    with yard.engine.begin() as connection:
        agent_states.set_mode(connection, "vaela", AgentMode.ON, reason=None, actor="ann")
    assert placed(yard.look()) == [(id, "vaela")]


def test_given_fewer_attempts_declared_than_were_used_then_the_task_is_a_dead_letter(yard: Yard) -> None:
    """W12: there was no limit to attempts."""
    id = add(yard.queue)
    for run in ("run-1", "run-2"):
        (request,) = yard.look().requests
        yard.begin(request, run)
        yard.runs.put(run, RunState.FAILED, failure="error")
    twice = Retries(max_attempts=2, backoff=Backoff.NONE)
    yard.declarations = declared(
        agent("vaela", retries=twice), agent("damien", retries=twice), backend=yard.queue.backend
    )
    assert yard.look().dead_lettered == (id,)
    assert yard.queue.get(id).status is TaskStatus.FAILED
    with yard.engine.begin() as connection:
        ended = assignments.of_task(connection, yard.queue.backend, id)
    assert [each["ending"] for each in ended] == ["dead_letter", "retry", "retry"]


def test_given_a_deleted_task_when_its_run_is_lost_then_the_slot_is_free_again(
    queue_engine: sa.Engine, postgres_queue: object, queue: TaskQueue, request: pytest.FixtureRequest
) -> None:
    yard = Yard(queue_engine, queue, declared(agent(limit=1), backend=queue.backend))
    id = add(queue)
    (assignment,) = yard.look().requests
    yard.begin(assignment, "run-1")
    if queue.backend == "postgres":
        with queue_engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM signalbox.tasks WHERE id = :id"), {"id": id})
    else:
        request.getfixturevalue("tinytask_server").store.delete(id)
    yard.runs.put("run-1", RunState.FAILED)
    other = add(queue)
    passed = yard.look()
    assert [healed.why for healed in passed.healed] == ["the task is gone"]
    assert placed(passed) == [(other, "vaela")]


def test_given_a_server_that_is_down_then_the_pass_fails_and_nothing_is_reserved_or_forgotten(
    queue_engine: sa.Engine,
    postgres_queue: object,
    tinytask_queue: TinyTaskQueue,
    tinytask_server: TinyTaskServer,
) -> None:
    """W9: a pass over a server that was down had no errors. W4: what could not be put back was lost."""
    yard = Yard(queue_engine, tinytask_queue, declared(agent(limit=2), backend="tinytask"))
    id = add(tinytask_queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    yard.runs.put("run-1", RunState.FAILED)
    tinytask_server.down()
    with pytest.raises(TaskQueueDownError, match=tinytask_server.url):
        yard.look()
    assert [live.task_id for live in yard.live()] == [id]
    tinytask_server.up()
    assert placed(yard.look()) == [(id, "vaela")]


def test_given_a_preview_when_made_then_it_is_what_the_pass_does_and_it_does_nothing(yard: Yard) -> None:
    first = add(yard.queue, priority=1)
    second = add(yard.queue, blocked_by=(first,), priority=9)
    third, fourth = add(yard.queue), add(yard.queue)
    extra = add(yard.queue)
    seen = preview(yard.engine, yard.queue, yard.declarations, "dev", runs=yard.runs, now=now())
    again = preview(yard.engine, yard.queue, yard.declarations, "dev", runs=yard.runs, now=now())
    assert seen.decided == again.decided
    assert {waiting.task: waiting.reason for waiting in seen.decided.waiting} == {
        second: f"blocked by {first} (idle)",
        extra: "no free slot: vaela 2/2, damien 1/1",
    }
    assert seen.decided.blocked == 1
    assert yard.live() == []
    done = yard.look()
    assert [(p.task, p.agent) for p in seen.decided.placed] == placed(done)
    assert {task for task, _ in placed(done)} == {first, third, fourth}


def test_given_a_lost_run_when_previewed_then_its_slot_counts_as_free(yard: Yard) -> None:
    yard.declarations = declared(agent(limit=1), backend=yard.queue.backend)
    add(yard.queue)
    other = add(yard.queue)
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    yard.runs.put("run-1", RunState.FAILED)
    seen = preview(yard.engine, yard.queue, yard.declarations, "dev", runs=yard.runs, now=now())
    assert [(p.task, p.agent) for p in seen.decided.placed] == [(other, "vaela")]


def test_given_high_priority_tasks_that_are_blocked_then_their_blocker_is_started(yard: Yard) -> None:
    """W1: with two slots and three blocked tasks before their blocker, nothing was ever started."""
    blocker = add(yard.queue)
    for _ in range(3):
        add(yard.queue, priority=5, blocked_by=(blocker,))
    assert placed(yard.look()) == [(blocker, "vaela")]
