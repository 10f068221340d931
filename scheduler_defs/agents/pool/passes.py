"""One pass over an agent queue: put right what was lost, read, decide, reserve.

The sensors make it; a dry run reads and decides by the same functions, and stops there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from scheduler_defs.agents.deciding import AgentView, Assignments, Candidate, demand, match
from scheduler_defs.agents.deciding.matching.eligibility import agent_state as agent_text
from scheduler_defs.agents.deciding.matching.reservations import Hidden, Reservation, hidden
from scheduler_defs.agents.pool import agent_states, assignments, healing
from scheduler_defs.agents.pool.assignments import Assignment
from scheduler_defs.agents.pool.healing import Healed
from scheduler_defs.agents.pool.runs import Runs
from scheduler_defs.agents.pool.sharing import Standing, competing, decide_together, shares_of
from scheduler_defs.agents.pool.views import budgets_of, policy_of
from scheduler_defs.agents.task_queue.models import View
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.agents.task_queue.wording import AUTHOR
from scheduler_defs.declarations.models.declared import Declarations


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
    stopped: Collection[str] = (),
) -> Pass:
    """Make one pass. `sweep` also looks for tasks that runs have left behind, in all queues.

    Queues whose agents this queue shares have their turn in the order of the declarations, or by their
    weights: what another one would take of the shared slots before is left for it, unless it is in `stopped`
    and makes no passes.

    Raises TaskQueueDownError; then nothing is reserved.
    """
    healed = list(healing.sweep(engine, task_queue, declarations, runs, now)) if sweep else []
    with engine.connect() as connection:
        live = assignments.live(connection, task_queue.backend)
    task_queue = task_queue.from_now()
    served = declarations.served_queues
    # Each queue's pass looks after its own; those that nobody serves any more are looked after by all.
    own = [a for a in live if a.queue == queue or a.queue not in served]
    found = healing.find(engine, own, runs, now)
    healed += healing.heal(engine, task_queue, declarations, found, now)
    ended = {assignment.run_key for assignment, _, _ in found}
    live = [assignment for assignment in live if assignment.run_key not in ended]
    with engine.begin() as connection:
        standing = Standing.read(connection, declarations, live, now)
        withdrawn = assignments.withdraw(connection, standing.unwanted(own, now), now)
    live = [assignment for assignment in live if assignment.run_key not in withdrawn]
    together = competing(declarations, queue, stopped)
    with engine.connect() as connection:
        standing = Standing.read(connection, declarations, live, now)
    views = {name: look(task_queue, standing, name, now) for name in together}
    view = views[queue]
    with engine.begin() as connection:
        assignments.lock_pass(connection)
        budgets_of(declarations).ask(connection, now)
        # Another pass may have reserved meanwhile: what counts is what is taken now.
        live = assignments.live(connection, task_queue.backend)
        standing = Standing.read(connection, declarations, live, now)
        candidates = {name: looked.candidates for name, looked in views.items()}
        shares = shares_of(connection, declarations, together)
        decided = decide_together(standing, candidates, now, shares)[queue]
        agents = standing.agents(queue, now)
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
    stopped: Collection[str] = (),
) -> Pass:
    """What `reconcile` would do now, and nothing done.

    Up to `explain` waiting tasks get a reason, also those that a pass does not even look at.
    """
    standing = as_it_stands(engine, task_queue, declarations, runs=runs, now=now)
    taken = standing.live
    together = competing(declarations, queue, stopped)
    views = {name: look(task_queue, standing, name, now) for name in together}
    view = views[queue]
    policy = policy_of(declarations.task_queue.for_queue(queue))
    requested = {assignment.task_id for assignment in taken}
    known = {candidate.id: candidate for candidate in view.candidates}
    for candidate in task_queue.waiting(queue, policy=policy, requested=requested, limit=explain, now=now):
        known[candidate.id] = candidate
    candidates = {name: looked.candidates for name, looked in views.items()}
    candidates[queue] = tuple(known.values())
    with engine.connect() as connection:
        shares = shares_of(connection, declarations, together)
    decided = decide_together(standing, candidates, now, shares)[queue]
    view = replace(view, candidates=candidates[queue])
    return Pass(queue, (), decided, view, sum(assignment.queue == queue for assignment in taken))


def as_it_stands(
    engine: sa.Engine,
    task_queue: TaskQueue,
    declarations: Declarations,
    *,
    runs: Runs | None,
    now: dt.datetime,
) -> Standing:
    """What counts now for somebody who only looks: without what a pass would put right or give back."""
    with engine.connect() as connection:
        live = assignments.live(connection, task_queue.backend)
    lost = set[str]()
    if runs is not None:
        lost = {assignment.run_key for assignment, _, _ in healing.find(engine, live, runs, now)}
    taken = [assignment for assignment in live if assignment.run_key not in lost]
    with engine.connect() as connection:
        standing = Standing.read(connection, declarations, taken, now)
    return standing.without({assignment.run_key for assignment in standing.unwanted(taken, now)})


def look(
    task_queue: TaskQueue,
    standing: Standing,
    queue: str,
    now: dt.datetime,
    agents: Sequence[AgentView] | None = None,
) -> View:
    """All that could be placed in a queue; `agents` in the place of those that serve it."""
    served = standing.agents(queue, now) if agents is None else agents
    policy = policy_of(standing.declarations.task_queue.for_queue(queue))
    reserved = standing.reserved(queue)
    requested = {assignment.task_id for assignment in standing.live}
    return look_through(
        lambda passed_over: task_queue.look(
            queue,
            demand=lambda kind: demand(served, kind, now),
            policy=policy,
            requested=requested,
            now=now,
            hidden=passed_over,
        ),
        lambda candidates: match(
            [each for each in candidates if each.id not in requested],
            served,
            now=now,
            policy=policy,
            reserved=reserved,
        ),
        reserved,
    )


def look_through(
    look: Callable[[str | None], View],
    decided: Callable[[Sequence[Candidate]], Assignments],
    reserved: Sequence[Reservation],
) -> View:
    """All that could be placed: `look` is asked again while tasks that are kept apart may hide others."""
    passed_over: Hidden | None = Hidden(frozenset(path for each in reserved for path in each.paths))
    found: dict[int, Candidate] = {}
    while True:
        view = look(passed_over.pattern)
        found |= {candidate.id: candidate for candidate in view.candidates}
        would = decided(list(found.values()))
        placed = [placement.task for placement in would.placed]
        passed_over = hidden(reserved, found, placed, would.kept_apart, passed_over)
        if passed_over is None:
            return replace(view, candidates=tuple(found.values()))
