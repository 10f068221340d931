"""Matching, rule by rule (design section 6)."""

from __future__ import annotations

import datetime as dt

import pytest

from scheduler_defs.agents.deciding import (
    Ageing,
    AgentMode,
    AgentView,
    Assignments,
    Blocker,
    Candidate,
    Policy,
    demand,
    match,
    rank,
)
from tests.unit.matching.cases import NOW, agent, task

HOUR = dt.timedelta(hours=1)


def decide(tasks: list[Candidate], agents: list[AgentView], policy: Policy | None = None) -> Assignments:
    return match(tasks, agents, now=NOW, policy=policy or Policy())


def placed(result: Assignments) -> list[tuple[int, str]]:
    return [(placement.task, placement.agent) for placement in result.placed]


def reasons(result: Assignments) -> dict[int, str]:
    return {waiting.task: waiting.reason for waiting in result.waiting}


def test_given_free_slots_when_matching_then_the_emptiest_agent_is_taken_first() -> None:
    result = decide([task(1), task(2), task(3)], [agent("vaela", 3, 1), agent("damien", 2, 0)])
    assert placed(result) == [(1, "damien"), (2, "vaela"), (3, "damien")]


def test_given_equal_agents_when_matching_then_the_one_least_recently_given_work_is_taken() -> None:
    agents = [agent("vaela", last_given=NOW - HOUR), agent("damien", last_given=NOW), agent("oscar")]
    assert placed(decide([task(1), task(2), task(3)], agents)) == [(1, "oscar"), (2, "vaela"), (3, "damien")]


def test_given_equal_agents_never_used_when_matching_then_names_decide_and_work_is_spread() -> None:
    result = decide([task(n) for n in range(1, 5)], [agent("b", 2), agent("a", 2)])
    assert placed(result) == [(1, "a"), (2, "b"), (3, "a"), (4, "b")]


def test_given_blocked_tasks_of_high_priority_when_matching_then_they_take_nobodys_place() -> None:
    """W1: the window of two held two blocked tasks for ever, and their blocker never ran."""
    tasks = [
        task(2, priority=5, blocked=True, blockers=(Blocker(1, "idle"),)),
        task(3, priority=5, blocked=True, blockers=(Blocker(1, "idle"),)),
        task(1, frees=2),
    ]
    result = decide(tasks, [agent("vaela", 2)])
    assert placed(result) == [(1, "vaela")]
    assert reasons(result) == {2: "blocked by 1 (idle)", 3: "blocked by 1 (idle)"}
    assert result.blocked == 2


def test_given_a_long_chain_when_ranking_then_its_head_goes_before_a_task_that_frees_two() -> None:
    tasks = [task(1, frees=2, priority=9), task(2, frees=10), task(3, priority=99)]
    assert [p for p, _ in placed(decide(tasks, [agent("a", 3)]))] == [2, 1, 3]


def test_given_equal_dependents_when_ranking_then_priority_then_age_then_id_decide() -> None:
    tasks = [task(4), task(3), task(2, age=dt.timedelta(minutes=1)), task(1, priority=1)]
    assert [p for p, _ in placed(decide(tasks, [agent("a", 4)]))] == [1, 2, 3, 4]


def test_given_assigned_and_unassigned_tasks_when_matching_then_they_compete_in_one_order() -> None:
    tasks = [task(1, assigned_to="a", priority=1), task(2, priority=2), task(3, assigned_to="b", priority=3)]
    result = decide(tasks, [agent("a"), agent("b")])
    assert placed(result) == [(3, "b"), (2, "a")]
    assert reasons(result) == {1: "no free slot: a 1/1"}


def test_given_blocking_off_when_matching_then_only_priority_orders_and_nothing_is_filtered() -> None:
    tasks = [task(1, frees=5), task(2, priority=5, blocked=True, blockers=(Blocker(1, "idle"),))]
    result = decide(tasks, [agent("a", 2)], Policy(blocking=False))
    assert [p for p, _ in placed(result)] == [2, 1]
    assert result.blocked == 0


def test_given_waiting_when_ageing_then_priority_rises_by_the_declared_steps_up_to_the_limit() -> None:
    policy = Policy(ageing=Ageing(every=HOUR, limit=3, first_after=dt.timedelta(days=9)))
    old = task(1, age=100 * HOUR)
    assert placed(decide([old, task(2, priority=4)], [agent("a")], policy)) == [(2, "a")]
    assert placed(decide([old, task(2, priority=3)], [agent("a")], policy)) == [(1, "a")]
    assert placed(decide([task(1, age=2 * HOUR), task(2, priority=2)], [agent("a")], policy)) == [(1, "a")]


def test_given_no_ageing_when_matching_then_priority_alone_counts() -> None:
    tasks = [task(1, age=dt.timedelta(days=300)), task(2, priority=1)]
    assert placed(decide(tasks, [agent("a")], Policy(ageing=None))) == [(2, "a")]


def test_given_a_task_older_than_the_bound_when_matching_then_it_goes_first_whatever_else_there_is() -> None:
    tasks = [task(1, age=dt.timedelta(days=1)), task(2, priority=99, frees=50)]
    assert placed(decide(tasks, [agent("a")])) == [(1, "a")]


def test_given_an_agent_with_failed_starts_when_matching_then_it_is_passed_over_for_a_while() -> None:
    """W8: the agent whose runs fail at once was always the freest, and swallowed the queue."""
    broken = agent("broken", 3, failed_starts=3, passed_over_until=NOW + dt.timedelta(seconds=30))
    assert placed(decide([task(1), task(2)], [broken, agent("sound")])) == [(1, "sound")]
    later = decide([task(1)], [agent("broken", 3, failed_starts=3, passed_over_until=NOW)])
    assert placed(later) == [(1, "broken")]


def test_given_a_failed_attempt_when_another_agent_is_free_then_it_gets_the_next_one() -> None:
    again = task(1, attempts=1, last_agent="vaela")
    assert placed(decide([again], [agent("vaela", 5), agent("damien")])) == [(1, "damien")]
    assert placed(decide([again], [agent("vaela", 5), agent("damien", 1, 1)])) == [(1, "vaela")]


def test_given_attempts_when_placing_then_the_number_and_the_maximum_are_named() -> None:
    result = decide([task(1, attempts=1), task(2, attempts=4, max_attempts=5)], [agent("a", 2)])
    assert [(p.task, p.attempt, p.max_attempts) for p in result.placed] == [(1, 2, 3), (2, 5, 5)]


def test_given_a_limit_lowered_below_what_runs_when_matching_then_nothing_is_placed() -> None:
    result = decide([task(1)], [agent("a", 1, 3)])
    assert reasons(result) == {1: "no free slot: a 3/1"}


@pytest.mark.parametrize(
    ("waiting", "agents", "reason"),
    [
        (task(1, blocked=True, blockers=(Blocker(12, "working"),)), [agent("a")], "blocked by 12 (working)"),
        (
            task(1, blocked=True, blockers=tuple(Blocker(n, "idle") for n in range(2, 9))),
            [agent("a")],
            "blocked by 2 (idle), 3 (idle), 4 (idle), 5 (idle), 6 (idle), 2 more",
        ),
        (task(1, blocked=True), [agent("a")], "blocked by another task"),
        (task(3, blocked=True, cycle=(3, 5, 3)), [agent("a")], "cycle 3 -> 5 -> 3"),
        (task(1, not_before=NOW + 2 * HOUR), [agent("a")], "not before 14:00"),
        (task(1, not_before=NOW + 48 * HOUR), [agent("a")], "not before 2026-03-04 12:00"),
        (task(1, requested_for="a"), [agent("a")], "run in progress for a"),
        (task(1, attempts=3), [agent("a")], "attempts used up (3/3)"),
        (task(1, attempts=2, max_attempts=2), [agent("a")], "attempts used up (2/2)"),
        (task(1), [agent("vaela", 3, 3), agent("damien", 2, 2)], "no free slot: vaela 3/3, damien 2/2"),
        (task(1), [agent("a", mode=AgentMode.PAUSED)], "no free slot: a paused"),
        (task(1), [agent("a", mode=AgentMode.DRAINING), agent("b", 1, 1)], "no free slot: a draining, b 1/1"),
        (task(1), [agent("a", enabled=False)], "no free slot: a disabled"),
        (task(1), [agent("a", in_working_hours=False)], "outside working hours"),
        (
            task(1),
            [agent("a", in_working_hours=False, opens=NOW + 20 * HOUR)],
            "outside working hours until 2026-03-03 08:00",
        ),
        (
            task(1),
            [agent("a", in_working_hours=False), agent("b", 1, 1)],
            "no free slot: a outside working hours, b 1/1",
        ),
        (
            task(1),
            [agent("a", failed_starts=4, passed_over_until=NOW + HOUR)],
            "no free slot: a passed over until 13:00 after 4 failed starts",
        ),
        (task(1, capabilities=("gpu",)), [agent("a"), agent("b")], "needs gpu"),
        (task(1, capabilities=("gpu", "x86")), [agent("a", 1, 0, "gpu")], "needs gpu, x86"),
        (
            task(1, capabilities=("gpu",), assigned_to="a"),
            [agent("a"), agent("b", 1, 0, "gpu")],
            "needs gpu, which a has not",
        ),
        (task(1, assigned_to="ghost"), [agent("a")], "assigned to ghost, which does not serve this queue"),
        (task(1), [], "no agent serves this queue"),
    ],
)
def test_given_a_task_that_cannot_be_placed_when_matching_then_its_reason_says_what_to_change(
    waiting: Candidate, agents: list[AgentView], reason: str
) -> None:
    result = decide([waiting], agents)
    assert result.placed == ()
    assert reasons(result) == {waiting.id: reason}


def test_given_used_up_attempts_when_matching_then_the_task_is_named_for_the_dead_letter_state() -> None:
    assert decide([task(1, attempts=3), task(2)], [agent("a")]).exhausted == (1,)


def test_given_a_task_that_needs_gpu_when_matching_then_only_an_agent_with_gpu_gets_it() -> None:
    result = decide([task(1, capabilities=("gpu",)), task(2)], [agent("a", 5), agent("b", 1, 0, "gpu")])
    assert placed(result) == [(1, "b"), (2, "a")]


def test_given_agents_when_asked_for_demand_then_only_slots_that_can_be_filled_count() -> None:
    agents = [agent("a", 3, 1), agent("b", 2, 0, "gpu"), agent("c", 9, enabled=False)]
    assert demand(agents, task(1).kind, NOW) == 4
    assert demand(agents, task(1, capabilities=("gpu",)).kind, NOW) == 2
    assert demand(agents, task(1, assigned_to="a").kind, NOW) == 2


def test_given_a_deadline_that_is_near_then_its_task_goes_first_whatever_the_priorities() -> None:
    hour = dt.timedelta(hours=1)
    tasks = [
        task(1, priority=9, frees=3),
        task(2, deadline=NOW + 3 * hour),
        task(3, deadline=NOW - hour),
        task(4, deadline=NOW + 30 * hour, priority=-1),
        task(5, deadline=NOW + 3 * hour),
        task(6, age=dt.timedelta(days=2), priority=-5),
    ]
    ordered = sorted(tasks, key=lambda each: rank(each, Policy(), NOW))
    assert [each.id for each in ordered] == [6, 3, 2, 5, 1, 4]
