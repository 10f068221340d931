"""A backlog played forward: who does what when, as matching decides, with the times that tasks usually take."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.agents.deciding import AgentView, Blocker, Candidate, Policy
from scheduler_defs.agents.deciding.matching.playing import Backlog, Expected, play
from scheduler_defs.agents.deciding.quotas import PoolState, view

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
PLAIN = Policy(ageing=None)


def minutes(number: float) -> dt.datetime:
    return NOW + dt.timedelta(minutes=number)


def after(id: int, *blockers: int, **fields: object) -> Candidate:
    waits = tuple(Blocker(each, "idle") for each in blockers)
    return replace(Candidate(id, NOW, blocked=bool(waits), blockers=waits), **fields)  # pyright: ignore[reportArgumentType]


def played(
    tasks: list[Candidate],
    *views: AgentView,
    working: list[Expected] | None = None,
    until: float = 600,
    pool: PoolState | None = None,
) -> dict[int, tuple[float, float]]:
    """Begin and end in minutes; each task takes ten times its id."""

    def agents(queue: str, loads: Mapping[str, int], moment: dt.datetime) -> list[AgentView]:
        seen = None if pool is None else view("p", pool, 0, moment)
        return [replace(each, active=loads.get(each.name, 0), quota=seen) for each in views]

    found = play(
        {"dev": Backlog(tasks, PLAIN)},
        working or [],
        agents,
        lambda queue, agent, task: dt.timedelta(minutes=10 * task.id),
        now=NOW,
        until=minutes(until),
    )
    minute = dt.timedelta(minutes=1)
    return {each.task: ((each.start - NOW) / minute, (each.end - NOW) / minute) for each in found}


def test_given_two_slots_then_tasks_begin_as_slots_are_free_and_blocked_ones_when_their_blockers_end() -> (
    None
):
    assert played([after(1), after(2), after(3), after(4, 3)], AgentView("vaela", 2)) == {
        1: (0, 10),
        2: (0, 20),
        3: (10, 40),
        4: (40, 80),
    }


def test_given_a_closed_pool_then_nothing_begins_before_it_opens() -> None:
    pool = PoolState(minutes(45), "limit")
    assert played([after(1)], AgentView("vaela", 1), pool=pool) == {1: (45, 55)}


def test_given_what_is_worked_on_then_its_slot_is_free_at_its_end_and_its_dependents_begin() -> None:
    going = Expected(9, "dev", "vaela", minutes(-5), minutes(30), already=True)
    assert played([after(1, 9)], AgentView("vaela", 1), working=[going])[1] == (30, 40)


def test_given_what_nobody_knows_the_end_of_then_it_does_not_begin() -> None:
    tasks = [after(1, 77), after(2, not_before=minutes(100)), after(3, not_before=minutes(900))]
    assert played(tasks, AgentView("vaela", 3)) == {2: (100, 120)}


def test_given_the_same_paths_then_one_begins_after_the_other() -> None:
    tasks = [after(1, paths=("src/**",)), after(2, paths=("src/a.py",)), after(3)]
    found = played(tasks, AgentView("vaela", 3))
    assert found == {1: (0, 10), 3: (0, 30), 2: (10, 30)}


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=7),
    st.integers(1, 3),
)
def test_given_any_chain_then_no_slot_is_used_twice_and_no_task_begins_before_what_it_waits_for(
    waits: list[int], slots: int
) -> None:
    tasks = [
        after(id, blocker) if 0 < blocker < id else after(id) for id, blocker in enumerate(waits, start=1)
    ]
    found = played(tasks, AgentView("vaela", slots), until=10_000)
    assert set(found) == {task.id for task in tasks}
    for task in tasks:
        assert all(found[task.id][0] >= found[blocker.id][1] for blocker in task.blockers)
    for begin, _ in found.values():
        assert sum(b <= begin < e for b, e in found.values()) <= slots
