"""What must hold of every pass, whatever the tasks and agents are."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs.agents.deciding import (
    Ageing,
    AgentMode,
    AgentView,
    Blocker,
    Candidate,
    Policy,
    demand,
    match,
    rank,
)
from tests.unit.matching.cases import NOW

NAMES = ("amber", "birch", "cedar", "dune")
CAPABILITIES = ("arm", "gpu", "x86")

capabilities = st.sets(st.sampled_from(CAPABILITIES), max_size=2)
instants = st.integers(-300, 300).map(lambda minutes: NOW + dt.timedelta(minutes=minutes))

agents_strategy = st.lists(st.sampled_from(NAMES), unique=True, max_size=4).flatmap(
    lambda names: st.tuples(*(_agent(name) for name in names)).map(list)
)


def _agent(name: str) -> st.SearchStrategy[AgentView]:
    return st.builds(
        AgentView,
        st.just(name),
        limit=st.integers(0, 4),
        active=st.integers(0, 5),
        capabilities=st.frozensets(st.sampled_from(CAPABILITIES)),
        max_attempts=st.integers(1, 3),
        enabled=st.sampled_from([True, True, True, False]),
        mode=st.sampled_from([AgentMode.ON, AgentMode.ON, AgentMode.PAUSED, AgentMode.DRAINING]),
        in_working_hours=st.sampled_from([True, True, False]),
        passed_over_until=st.none() | instants,
        last_given=st.none() | instants,
    )


@st.composite
def tasks_strategy(draw: st.DrawFn, most: int = 25) -> list[Candidate]:
    count = draw(st.integers(0, most))
    found: list[Candidate] = []
    for number in range(1, count + 1):
        blocked = draw(st.booleans()) and draw(st.booleans())
        found.append(
            Candidate(
                id=number,
                created=NOW - dt.timedelta(minutes=draw(st.integers(0, 3000))),
                priority=draw(st.integers(-5, 20)),
                assigned_to=draw(st.sampled_from([None, None, None, *NAMES])),
                capabilities=tuple(sorted(draw(capabilities))),
                frees=draw(st.integers(0, 3)),
                not_before=draw(st.none() | instants),
                attempts=draw(st.sampled_from([0, 0, 0, 1, 2, 3])),
                last_agent=draw(st.none() | st.sampled_from(NAMES)),
                deadline=draw(
                    st.none() | st.sampled_from([NOW + dt.timedelta(hours=h) for h in (-1, 2, 99)])
                ),
                blocked=blocked,
                blockers=(Blocker(number + 1, "idle"),) if blocked else (),
                requested_for=draw(st.sampled_from([None, None, None, "amber"])),
            )
        )
    return found


# Passes are cheap, drawing their input is not: fewer examples keep the suite quick.
passes = settings(max_examples=50, deadline=None)

policies = st.builds(Policy, blocking=st.booleans(), ageing=st.sampled_from([None, Ageing()]))


def _able(task: Candidate, agent: AgentView) -> bool:
    return (task.assigned_to in (None, agent.name)) and set(task.capabilities) <= agent.capabilities


def _placeable(task: Candidate, policy: Policy) -> bool:
    return (
        not (policy.blocking and task.blocked)
        and task.requested_for is None
        and (task.not_before is None or task.not_before <= NOW)
    )


@passes
@given(tasks_strategy(), agents_strategy, policies)
def test_given_anything_when_matching_then_no_agent_exceeds_its_limit_or_works_when_it_must_not(
    tasks: list[Candidate], agents: list[AgentView], policy: Policy
) -> None:
    result = match(tasks, agents, now=NOW, policy=policy)
    given_to = Counter(placement.agent for placement in result.placed)
    for agent in agents:
        assert given_to[agent.name] <= max(0, agent.limit - agent.active)
        if given_to[agent.name]:
            assert agent.takes_work(NOW)
        assert result.loads[agent.name] == agent.active + given_to[agent.name]


@passes
@given(tasks_strategy(), agents_strategy, policies)
def test_given_anything_when_matching_then_only_tasks_that_may_run_are_placed_and_only_where_they_may(
    tasks: list[Candidate], agents: list[AgentView], policy: Policy
) -> None:
    by_id = {task.id: task for task in tasks}
    by_name = {agent.name: agent for agent in agents}
    for placement in match(tasks, agents, now=NOW, policy=policy).placed:
        task = by_id[placement.task]
        assert _placeable(task, policy)
        assert _able(task, by_name[placement.agent])
        assert task.attempts < placement.max_attempts


@passes
@given(tasks_strategy(), agents_strategy, policies)
def test_given_anything_when_matching_then_every_task_is_either_placed_once_or_has_one_reason(
    tasks: list[Candidate], agents: list[AgentView], policy: Policy
) -> None:
    result = match(tasks, agents, now=NOW, policy=policy)
    seen = [p.task for p in result.placed] + [w.task for w in result.waiting]
    assert sorted(seen) == sorted(task.id for task in tasks)
    assert all(waiting.reason for waiting in result.waiting)


@passes
@given(tasks_strategy(), agents_strategy, policies)
def test_given_anything_when_matching_then_no_slot_stays_idle_beside_a_task_that_could_use_it(
    tasks: list[Candidate], agents: list[AgentView], policy: Policy
) -> None:
    result = match(tasks, agents, now=NOW, policy=policy)
    left = [task for task in tasks if task.id in {waiting.task for waiting in result.waiting}]
    for agent in agents:
        if not agent.takes_work(NOW) or result.loads[agent.name] >= agent.limit:
            continue
        for task in left:
            allowed = task.attempts < (task.max_attempts or agent.max_attempts)
            assert not (_placeable(task, policy) and _able(task, agent) and allowed)


@passes
@given(tasks_strategy(), agents_strategy, policies, st.randoms(use_true_random=False))
def test_given_the_same_things_in_another_order_when_matching_then_the_placements_are_the_same(
    tasks: list[Candidate], agents: list[AgentView], policy: Policy, random: object
) -> None:
    expected = match(tasks, agents, now=NOW, policy=policy)
    shuffled, pool = list(tasks), list(agents)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    random.shuffle(pool)  # type: ignore[attr-defined]
    assert match(tasks, agents, now=NOW, policy=policy) == expected
    assert match(shuffled, pool, now=NOW, policy=policy).placed == expected.placed


@passes
@given(tasks_strategy(60), agents_strategy, policies)
def test_given_a_window_with_as_many_of_each_kind_as_demanded_when_matching_then_it_places_the_same(
    tasks: list[Candidate], agents: list[AgentView], policy: Policy
) -> None:
    agents = [replace(agent, max_attempts=4) for agent in agents]
    whole = match(tasks, agents, now=NOW, policy=policy)
    window: list[Candidate] = []
    taken: Counter[object] = Counter()
    for task in sorted(tasks, key=lambda task: rank(task, policy, NOW)):
        if _placeable(task, policy) and taken[task.kind] < demand(agents, task.kind, NOW):
            taken[task.kind] += 1
            window.append(task)
    assert match(window, agents, now=NOW, policy=policy).placed == whole.placed


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4))
def test_given_more_important_work_without_end_when_passes_go_on_then_an_old_task_is_still_placed(
    slots: int, arrivals: int
) -> None:
    policy = Policy(
        ageing=Ageing(every=dt.timedelta(minutes=1), limit=3, first_after=dt.timedelta(minutes=20))
    )
    queue = [Candidate(id=0, created=NOW)]
    agents = [AgentView("amber", slots, max_attempts=3)]
    fresh = 1
    for minute in range(400):
        now = NOW + dt.timedelta(minutes=minute)
        for _ in range(arrivals):
            queue.append(Candidate(id=fresh, created=now, priority=50, frees=9))
            fresh += 1
        done = {placement.task for placement in match(queue, agents, now=now, policy=policy).placed}
        if 0 in done:
            return
        queue = [task for task in queue if task.id not in done]
    raise AssertionError("the task was never placed")


@passes
@given(tasks_strategy(), agents_strategy)
def test_given_finished_blockers_when_passes_go_on_then_every_task_that_can_be_done_is_done(
    tasks: list[Candidate], agents: list[AgentView]
) -> None:
    agents = [
        replace(agent, limit=max(1, agent.limit), active=0, enabled=True, mode=AgentMode.ON, max_attempts=9)
        for agent in agents
    ]
    agents = [replace(a, in_working_hours=True, passed_over_until=None) for a in agents]
    left = {task.id: replace(task, not_before=None, requested_for=None) for task in tasks}
    for _ in range(len(tasks) + 1):
        for task in list(left.values()):
            still = any(blocker.id in left for blocker in task.blockers)
            left[task.id] = replace(task, blocked=still)
        for placement in match(left.values(), agents, now=NOW, policy=Policy()).placed:
            del left[placement.task]
    assert not [t for t in left.values() if not t.blocked and any(_able(t, agent) for agent in agents)]
