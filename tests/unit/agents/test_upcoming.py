"""What is next and why: the same answer as the pass that follows."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from scheduler_defs.acting.agent_queues.backlog import backlog_objects
from scheduler_defs.acting.place import Place
from scheduler_defs.agents.deciding import AgentMode
from scheduler_defs.agents.pool import agent_states
from scheduler_defs.agents.pool.upcoming import NextOf, Upcoming, upcoming
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from tests.unit.agents.yard import Yard, agent, declared, now, placed
from tests.unit.task_queue.asking import add

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def yard(queue_engine: sa.Engine, queue: TaskQueue, postgres_queue: object) -> Yard:
    agents = (agent("vaela", 1), agent("damien", 1, capabilities=("gpu",)))
    return Yard(queue_engine, queue, declared(*agents, backend=queue.backend))


def looked(yard: Yard, *queues: str) -> Upcoming:
    names = queues or ("dev",)
    return upcoming(yard.engine, yard.queue, yard.declarations, names, runs=yard.runs, now=now())


def of(found: Upcoming, name: str) -> NextOf:
    return next(each for each in found.agents if each.agent == name)


def test_given_tasks_then_what_is_next_is_what_the_pass_places_and_then_what_comes_after(yard: Yard) -> None:
    ids = [add(yard.queue, priority=priority) for priority in (1, 9, 5, 3)]
    found = looked(yard)
    assert [each.task.id for each in found.tasks] == [ids[1], ids[2], ids[3], ids[0]]
    assert [each.because[0] for each in found.tasks] == [
        "priority 9",
        "priority 5",
        "priority 3",
        "priority 1",
    ]
    passed = yard.look()
    assert [(each.task.id, each.agent) for each in found.tasks if each.agent] == placed(passed)
    assert {each.waits for each in found.tasks if not each.agent} == {"no free slot: vaela 1/1, damien 1/1"}
    after = of(found, placed(passed)[0][1])
    assert after.now == (ids[1],)
    assert after.then is not None and after.then.id == ids[3], "the next of those that are left"


def test_given_a_busy_agent_then_it_is_said_what_it_gets_when_its_slot_is_free(yard: Yard) -> None:
    first, blocked = add(yard.queue), add(yard.queue)
    yard.queue.block(blocked, first, author="test")
    (given,) = yard.look().requests
    later = add(yard.queue, priority=2)
    found = looked(yard)
    busy = of(found, given.agent)
    assert busy.state == "1/1" and busy.now == ()
    assert [each.task.id for each in found.tasks] == [later, blocked]
    assert found.tasks[1].waits == f"blocked by {first} (idle)"
    other = next(each for each in found.agents if each.agent != given.agent)
    assert other.now == (later,) and other.then is None


def test_given_an_agent_that_takes_no_work_then_it_gets_nothing_and_the_reason_is_said(yard: Yard) -> None:
    add(yard.queue)
    with yard.engine.begin() as connection:
        for name in ("vaela", "damien"):
            agent_states.set_mode(connection, name, AgentMode.PAUSED, reason="r", actor="ann")
    found = looked(yard)
    assert {(each.state, each.then) for each in found.agents} == {("paused", None)}
    assert found.tasks[0].waits == "no free slot: vaela paused, damien paused"


def test_given_tasks_that_free_others_or_are_due_then_the_reason_says_so(
    yard: Yard, queue: TaskQueue
) -> None:
    if queue.backend != "postgres":
        pytest.skip("a TinyTask server holds no deadlines")
    first = add(queue)
    add(queue, blocked_by=(first,))
    due = add(queue, deadline=now() + 2 * HOUR)
    old = add(queue)
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE signalbox.tasks SET created_at = now() - interval '26 hours' WHERE id = :id"),
            {"id": old},
        )
    because = {each.task.id: each.because for each in looked(yard).tasks}
    assert because[old] == ("has waited for 1d 2h: oldest first",)
    assert because[due][0].startswith("due ")
    assert because[first][:2] == ("frees 1", "priority 0")


def test_given_done_tasks_then_the_forecast_says_by_when_what_waits_is_done(yard: Yard) -> None:
    with yard.engine.begin() as connection:
        for number in range(6):
            connection.execute(
                sa.text(
                    "INSERT INTO signalbox.assignments (backend, run_key, task_id, queue, agent, attempt, max_attempts,"
                    " claimed_at, ended_at, ending) VALUES (:backend, :key, :id, 'dev', 'vaela', 1, 3,"
                    " now() - interval '2 hours', now() - interval '1 hour', 'complete')"
                ),
                {"backend": yard.queue.backend, "key": f"done-{number}", "id": 9000 + number},
            )
    first = add(yard.queue, assigned_to="vaela")
    second = add(yard.queue, assigned_to="vaela")
    place = Place(yard.declarations, yard.engine, yard.queue)
    at = now()
    found = backlog_objects(place, now=at, until=at + 5 * HOUR, assumed=HOUR / 60, zone=dt.UTC)
    assert [(each["task"], each["takes"]["median_seconds"]) for each in found["tasks"]] == [
        (first, 3600.0),
        (second, 3600.0),
    ]
    (queue,) = found["queues"]
    assert (queue["waiting"], queue["unstarted"]) == (2, 0)
    assert queue["done_by"] == (at + 2 * HOUR).astimezone(dt.UTC).replace(microsecond=0).isoformat()
    (queue,) = backlog_objects(place, now=at, until=at + HOUR / 2, assumed=HOUR / 60, zone=dt.UTC)["queues"]
    assert (queue["unstarted"], queue["done_by"]) == (1, None)
