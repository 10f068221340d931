"""What is next: which task each agent gets, now or when a slot is free, and what gives each task its rank."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Candidate, rank
from scheduler_defs.agents.deciding.matching.eligibility import agent_state
from scheduler_defs.agents.deciding.matching.policy import rank_words
from scheduler_defs.agents.deciding.matching.upcoming import next_for
from scheduler_defs.agents.pool.assignments import Reserving
from scheduler_defs.agents.pool.passes import Pass, as_it_stands, look, preview
from scheduler_defs.agents.pool.runs import Runs
from scheduler_defs.agents.pool.sharing import Standing, queue_tasks, shares_of
from scheduler_defs.agents.pool.views import policy_of
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.declarations.models.declared import Declarations


@dataclass(frozen=True, slots=True)
class Ranked:
    """An idle task in its queue's order. `agent`: who gets it now; None: it waits, and `waits` says why."""

    task: Candidate
    queue: str
    because: tuple[str, ...]
    agent: str | None = None
    waits: str | None = None


@dataclass(frozen=True, slots=True)
class NextOf:
    """An agent. `now`: the tasks that it gets; `then`: what it gets when a slot of it is free, from `queue`.

    `state`: how full it is, or why it takes no work.
    """

    agent: str
    state: str
    now: tuple[int, ...]
    then: Candidate | None = None
    queue: str | None = None
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Tasks by queue, each queue's in the order in which matching considers them; and agents."""

    tasks: tuple[Ranked, ...]
    agents: tuple[NextOf, ...]


def upcoming(
    engine: sa.Engine,
    task_queue: TaskQueue,
    declarations: Declarations,
    queues: Sequence[str],
    *,
    runs: Runs | None,
    now: dt.datetime,
    explain: int = 10_000,
) -> Upcoming:
    """What the next pass over each of these queues does, and what comes after it. Nothing is done."""
    passes = [
        preview(engine, task_queue, declarations, name, runs=runs, now=now, explain=explain)
        for name in queues
    ]
    standing = as_it_stands(engine, task_queue, declarations, runs=runs, now=now)
    return Upcoming(
        tuple(each for passed in passes for each in _ranked(passed, standing, now)),
        tuple(_next_of(engine, task_queue, _afterwards(standing, passes), passes, now)),
    )


def _ranked(passed: Pass, standing: Standing, now: dt.datetime) -> Iterable[Ranked]:
    policy = policy_of(standing.declarations.task_queue.for_queue(passed.queue))
    given = {each.task_id for each in standing.live}
    agents = {each.task: each.agent for each in passed.decided.placed}
    reasons = {each.task: each.reason for each in passed.decided.waiting}
    for task in sorted(passed.view.candidates, key=lambda task: rank(task, policy, now)):
        if task.id not in given:
            because = rank_words(task, policy, now)
            yield Ranked(task, passed.queue, because, agents.get(task.id), reasons.get(task.id))


def _afterwards(standing: Standing, passes: Sequence[Pass]) -> Standing:
    """When all that is placed has been given out."""
    loads, reserving = dict(standing.loads), list(standing.reserving)
    for passed in passes:
        tasks = {task.id: task for task in passed.view.candidates}
        for placement in passed.decided.placed:
            loads[placement.agent] = loads.get(placement.agent, 0) + 1
            paths = tasks[placement.task].paths
            if paths:
                reserving.append(Reserving(placement.task, passed.queue, paths, False))
    return replace(standing, loads=loads, reserving=tuple(reserving))


def _next_of(
    engine: sa.Engine,
    task_queue: TaskQueue,
    later: Standing,
    passes: Sequence[Pass],
    now: dt.datetime,
) -> Iterable[NextOf]:
    placed = {each.task for passed in passes for each in passed.decided.placed}
    asked = {}
    for passed in passes:
        freed = [replace(agent, limit=agent.active + 1) for agent in later.agents(passed.queue, now)]
        looked = look(task_queue, later, passed.queue, now, freed).candidates
        asked[passed.queue] = queue_tasks(
            later, passed.queue, [task for task in looked if task.id not in placed], now
        )
    with engine.connect() as connection:
        shares = shares_of(connection, later.declarations, list(asked))
    for name, agent in later.declarations.agents.items():
        own = [
            view
            for queue in agent.queues
            if queue in asked
            for view in asked[queue].agents
            if view.name == name
        ]
        if not own:
            continue
        gets = tuple(e.task for passed in passes for e in passed.decided.placed if e.agent == name)
        found = next_for(name, asked, now=now, shares=shares)
        state = agent_state(own[0], own[0].active, now)
        if found is None:
            yield NextOf(name, state, gets)
            continue
        queue, task = found
        policy = policy_of(later.declarations.task_queue.for_queue(queue))
        yield NextOf(name, state, gets, task, queue, rank_words(task, policy, now))
