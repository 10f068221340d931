"""Agents from outside: who may claim, what a lease is worth, and what becomes of a task whose holder is gone."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from scheduler_defs.acting.agent_queues import claims
from scheduler_defs.acting.place import Place, UnknownAgentError
from scheduler_defs.agents.deciding import AgentMode, Ending, TaskStatus
from scheduler_defs.agents.pool import agent_states
from scheduler_defs.agents.pool.passes import preview
from scheduler_defs.agents.questions import inbox
from scheduler_defs.agents.task_queue.protocol import LostTaskError, NotNeededError, TaskQueue
from tests.unit.agents.yard import Yard, agent, declared, now
from tests.unit.task_queue.asking import add, comments

HOUR = 3600


@pytest.fixture
def yard(queue_engine: sa.Engine, queue: TaskQueue, postgres_queue: object) -> Yard:
    return Yard(queue_engine, queue, declared(agent("vaela", 1), backend=queue.backend))


@pytest.fixture
def place(yard: Yard) -> Place:
    return Place(yard.declarations, yard.engine, yard.queue)


def taken(place: Place, task_id: int, seconds: int = HOUR) -> claims.ClaimedTask:
    return claims.claim(place, task_id, "vaela", holder="ann", seconds=seconds, now=now())


def run_out(place: Place) -> None:
    with place.engine.begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.task_leases SET expires_at = now() - interval '1 s'"))


def test_a_claimed_task_is_worked_on_completed_and_its_slot_is_free_again(place: Place, yard: Yard) -> None:
    first, second = add(place.task_queue), add(place.task_queue)
    claimed = taken(place, first)
    assert claimed.task.status is TaskStatus.WORKING
    assert claimed.task.agent == "vaela"
    with pytest.raises(NotNeededError, match="takes no work now: 1/1"):
        taken(place, second)
    assert yard.look().requests == ()  # a pass counts the slot, too
    lease = claims.lease_of(place, first, claimed.token)
    done = claims.settle(place, lease, Ending.SUCCESS, result={"pages": 3}, now=now())
    assert done.status is TaskStatus.COMPLETE
    assert done.result == {"pages": 3} or place.task_queue.backend == "tinytask"  # which keeps no results
    assert yard.live() == []
    assert taken(place, second).task.id == second


def test_a_task_is_had_once(place: Place) -> None:
    task = add(place.task_queue)
    taken(place, task)
    with pytest.raises(NotNeededError, match="given to vaela already"):
        taken(place, task)


def test_what_an_agent_may_not_have_is_refused_with_the_reason(place: Place) -> None:
    with pytest.raises(UnknownAgentError, match="did you mean 'vaela'"):
        claims.claim(place, add(place.task_queue), "vaelo", holder="ann", seconds=HOUR, now=now())
    with pytest.raises(NotNeededError, match="serves dev, not qa"):
        taken(place, add(place.task_queue, queue="qa"))
    first = add(place.task_queue)
    waiting = add(place.task_queue, blocked_by=(first,))
    with pytest.raises(NotNeededError, match=f"blocked by {first}"):
        taken(place, waiting)
    with place.engine.begin() as connection:
        agent_states.set_mode(connection, "vaela", AgentMode.PAUSED, reason=None, actor="ann")
    with pytest.raises(NotNeededError, match="paused"):
        taken(place, first)


def test_a_refused_claim_leaves_the_slot_free(place: Place, yard: Yard) -> None:
    first = add(place.task_queue)
    with pytest.raises(NotNeededError):
        taken(place, add(place.task_queue, blocked_by=(first,)))
    assert yard.live() == []


def test_a_heartbeat_keeps_the_task(place: Place, yard: Yard) -> None:
    task = add(place.task_queue)
    claimed = taken(place, task, seconds=60)
    until = claims.heartbeat(place, claims.lease_of(place, task, claimed.token))
    assert until >= claimed.expires
    assert yard.look(sweep=True, at=now() + dt.timedelta(minutes=10)).healed == ()
    assert place.task_queue.get(task).status is TaskStatus.WORKING


def test_a_task_whose_lease_has_run_out_is_given_back_and_its_holder_is_told(
    place: Place, yard: Yard
) -> None:
    task = add(place.task_queue)
    claimed = taken(place, task)
    lease = claims.lease_of(place, task, claimed.token)
    run_out(place)
    with pytest.raises(LostTaskError, match="run out"):
        claims.lease_of(place, task, claimed.token)
    (healed,) = yard.look().healed
    assert (healed.task_id, "its lease has run out" in healed.why) == (task, True)
    assert any("its lease has run out" in text for text in comments(place.task_queue, task))
    with pytest.raises(LostTaskError):
        claims.settle(place, lease, Ending.SUCCESS, now=now())
    assert place.task_queue.get(task).status is not TaskStatus.COMPLETE


def test_what_was_said_before_a_crash_counts_when_the_pass_finds_it(place: Place, yard: Yard) -> None:
    task = add(place.task_queue)
    lease = claims.lease_of(place, task, taken(place, task).token)
    with place.engine.begin() as connection:  # as `settle` begins
        from scheduler_defs.agents.pool.assignments import note_outcome

        note_outcome(connection, lease.run_key, {"ending": "success", "detail": "", "result": 7})
    yard.look()
    found = place.task_queue.get(task)
    assert found.status is TaskStatus.COMPLETE
    assert yard.live() == []


def test_a_task_that_a_person_takes_back_is_lost_to_its_holder(place: Place, yard: Yard) -> None:
    task = add(place.task_queue)
    lease = claims.lease_of(place, task, taken(place, task).token)
    place.task_queue.cancel(task, reason="no longer wanted", author="ann")
    with pytest.raises(LostTaskError, match="canceled"):
        claims.heartbeat(place, lease)
    assert yard.live() == []
    with pytest.raises(LostTaskError):
        claims.on_behalf(place, lease).task_queue.complete(task, author="vaela")


def test_a_question_waits_for_its_answer_and_a_release_counts_no_attempt(place: Place) -> None:
    task = add(place.task_queue)
    lease = claims.lease_of(place, task, taken(place, task).token)
    asked = claims.settle(place, lease, Ending.QUESTION, question="which schema?", now=now())
    assert asked.status is TaskStatus.WAITING
    place.task_queue.resume(task, author="ann")
    again = claims.lease_of(place, task, taken(place, task).token)
    freed = claims.settle(place, again, Ending.UNREADY, detail="released", now=now())
    assert (freed.status, freed.attempts) == (TaskStatus.IDLE, 0)


@pytest.mark.parametrize("moved", ["complete", "cancel", "requeue", "resume"])
def test_a_question_ends_with_its_task_when_a_person_moves_that_on(place: Place, moved: str) -> None:
    if place.task_queue.backend != "postgres":
        pytest.skip("of other task queues nobody is told when a task is moved on")
    task, other = add(place.task_queue), add(place.task_queue)
    for each in (task, other):
        lease = claims.lease_of(place, each, taken(place, each).token)
        claims.settle(place, lease, Ending.QUESTION, question="which schema?", now=now())
    more = {"reason": "not needed"} if moved == "cancel" else {}
    getattr(place.task_queue, moved)(task, author="ann", **more)
    with place.engine.connect() as connection:
        assert [each.subject for each in inbox.open_entries(connection)] == [f"task:{other}"]


def test_a_token_is_for_its_own_task_only(place: Place) -> None:
    first, other = add(place.task_queue), add(place.task_queue)
    token = taken(place, first).token
    for task, said in ((other, token), (first, "sbl_guessed"), (first, "")):
        with pytest.raises(LostTaskError):
            claims.lease_of(place, task, said)


def test_an_agent_that_claims_for_itself_is_given_nothing(place: Place, yard: Yard) -> None:
    yard.declarations = declared(agent("vaela", 1, pull=True), backend=yard.queue.backend)
    task = add(place.task_queue)
    assert yard.look().requests == ()
    seen = preview(yard.engine, yard.queue, yard.declarations, "dev", runs=None, now=now())
    assert [waiting.reason for waiting in seen.decided.waiting] == [
        "no free slot: vaela claims its tasks itself"
    ]
    outside = Place(yard.declarations, place.engine, place.task_queue)
    assert taken(outside, task).task.id == task
