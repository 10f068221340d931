"""One pass over an agent queue: put right what was lost, read, decide, reserve.

The sensors make it; a dry run reads and decides by the same functions, and stops there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from resources.agent_pool import agent_states, assignments, healing
from resources.agent_pool.assignments import Assignment
from resources.agent_pool.declared import policy_of, pool
from resources.agent_pool.healing import Healed
from resources.agent_pool.runs import Runs
from resources.task_queue.models import View
from resources.task_queue.protocol import TaskQueue
from resources.task_queue.wording import AUTHOR
from scheduler_defs.declarations.models import Declarations
from scheduler_defs.matching import AgentView, Assignments, Candidate, Waiting, demand, match
from scheduler_defs.matching.eligibility import agent_state as agent_text


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over one queue saw and did.

    `requests` are the assignments that runs are now wanted for, in the order of their rank. `decided` is
    matching's answer. `dead_lettered` are tasks whose attempts had been used up before.
    """

    queue: str
    requests: tuple[Assignment, ...]
    decided: Assignments
    view: View
    working: int
    """Live assignments of the queue before this pass."""
    healed: tuple[Healed, ...] = ()
    dead_lettered: tuple[int, ...] = ()
    again: tuple[Assignment, ...] = ()
    """Requests of earlier passes that no run has come of: whoever was to launch it is gone."""
    agents: str = ""
    """How full the agents are: `vaela 2/2, damien paused`."""


def reconcile(
    engine: sa.Engine,
    task_queue: TaskQueue,
    declarations: Declarations,
    queue: str,
    *,
    runs: Runs,
    now: dt.datetime,
    sweep: bool = False,
) -> Pass:
    """Make one pass. `sweep` also looks for tasks that runs have left behind, in all queues.

    Raises TaskQueueDownError; then nothing is reserved.
    """
    healed = list(healing.sweep(engine, task_queue, declarations, runs, now)) if sweep else []
    with engine.connect() as connection:
        live = assignments.live(connection, task_queue.backend)
    served = declarations.served_queues
    # Each queue's pass looks after its own; those that nobody serves any more are looked after by all.
    own = [a for a in live if a.queue == queue or a.queue not in served]
    found = healing.find(engine, own, runs, now)
    healed += healing.heal(engine, task_queue, declarations, found, now)
    ended = {assignment.run_key for assignment, _, _ in found}
    live = [assignment for assignment in live if assignment.run_key not in ended]
    view = _look(engine, task_queue, declarations, queue, live, now)
    with engine.begin() as connection:
        assignments.lock_pass(connection)
        # Another pass may have reserved meanwhile: what counts is what is taken now.
        live = assignments.live(connection, task_queue.backend)
        agents = _agents(connection, declarations, queue, live, now)
        decided = _decide(agents, declarations, queue, view.candidates, live, now)
        requests = assignments.reserve(connection, task_queue.backend, queue, decided.placed, view.candidates)
        agent_states.note_given(connection, [request.agent for request in requests], now)
        if decided.exhausted:
            used_up = [task for task in view.candidates if task.id in decided.exhausted]
            assignments.note_used_up(connection, task_queue.backend, queue, used_up, now)
    for task_id in decided.exhausted:
        task_queue.fail(task_id, reason="its attempts are used up", author=AUTHOR)
    return Pass(
        queue,
        tuple(requests),
        decided,
        view,
        sum(assignment.queue == queue for assignment in live),
        tuple(healed),
        decided.exhausted,
        tuple(a for a in live if a.queue == queue and a.run_id is None and healing.is_due(a, now)),
        ", ".join(f"{agent.name} {agent_text(agent, decided.loads[agent.name], now)}" for agent in agents),
    )


def preview(
    engine: sa.Engine,
    task_queue: TaskQueue,
    declarations: Declarations,
    queue: str,
    *,
    runs: Runs | None,
    now: dt.datetime,
    explain: int = 10_000,
) -> Pass:
    """What `reconcile` would do now, and nothing done.

    Up to `explain` waiting tasks get a reason, also those that a pass does not even look at.
    """
    with engine.connect() as connection:
        live = assignments.live(connection, task_queue.backend)
    lost = set[str]()
    if runs is not None:
        lost = {assignment.run_key for assignment, _, _ in healing.find(engine, live, runs, now)}
    taken = [assignment for assignment in live if assignment.run_key not in lost]
    view = _look(engine, task_queue, declarations, queue, taken, now)
    policy = policy_of(declarations.task_queue.for_queue(queue))
    requested = {assignment.task_id for assignment in taken}
    known = {candidate.id: candidate for candidate in view.candidates}
    for candidate in task_queue.waiting(queue, policy=policy, requested=requested, limit=explain, now=now):
        known[candidate.id] = candidate
    with engine.connect() as connection:
        agents = _agents(connection, declarations, queue, taken, now)
    decided = _decide(agents, declarations, queue, list(known.values()), taken, now)
    return Pass(queue, (), decided, view, sum(assignment.queue == queue for assignment in taken))


def _look(
    engine: sa.Engine,
    task_queue: TaskQueue,
    declarations: Declarations,
    queue: str,
    live: Collection[Assignment],
    now: dt.datetime,
) -> View:
    with engine.connect() as connection:
        agents = _agents(connection, declarations, queue, live, now)
    return task_queue.look(
        queue,
        demand=lambda kind: demand(agents, kind, now),
        policy=policy_of(declarations.task_queue.for_queue(queue)),
        requested={assignment.task_id for assignment in live},
        now=now,
    )


def _agents(
    connection: sa.Connection,
    declarations: Declarations,
    queue: str,
    live: Collection[Assignment],
    now: dt.datetime,
) -> list[AgentView]:
    states = agent_states.states(connection)
    return pool(declarations, queue, loads=assignments.loads(live), states=states, now=now)


def _decide(
    agents: Sequence[AgentView],
    declarations: Declarations,
    queue: str,
    candidates: Collection[Candidate],
    live: Collection[Assignment],
    now: dt.datetime,
) -> Assignments:
    taken = {assignment.task_id: assignment.agent for assignment in live}
    policy = policy_of(declarations.task_queue.for_queue(queue))
    free = [candidate for candidate in candidates if candidate.id not in taken]
    decided = match(free, agents, now=now, policy=policy)
    given = tuple(
        Waiting(candidate.id, f"run in progress for {taken[candidate.id]}")
        for candidate in candidates
        if candidate.id in taken
    )
    return Assignments(
        decided.placed, decided.waiting + given, decided.blocked, decided.exhausted, decided.loads
    )
