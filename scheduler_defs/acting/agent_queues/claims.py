"""Agents from outside: claim a task by a lease, keep it by heartbeats, and say how the work ended.

The slot is an assignment's, as for a run of ours, and each step can be the last that this process takes: what
it has not done by then the queue's next pass does, when the lease has run out.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from scheduler_defs.acting.place import Place, transaction
from scheduler_defs.agents.deciding import Candidate, Ending, Placement
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.deciding.matching.eligibility import agent_state
from scheduler_defs.agents.deciding.matching.reservations import Reserved
from scheduler_defs.agents.pool import agent_states, assignments, leases
from scheduler_defs.agents.pool.assignments import Assignment, AssignmentEnding
from scheduler_defs.agents.pool.leases import TaskLease
from scheduler_defs.agents.pool.sharing import Standing
from scheduler_defs.agents.pool.views import budgets_of, pool, wait_before_next
from scheduler_defs.agents.questions import inbox
from scheduler_defs.agents.quotas.store import pools
from scheduler_defs.agents.task_queue.models import Held, Task
from scheduler_defs.agents.task_queue.protocol import (
    LostTaskError,
    NotNeededError,
    UnknownTaskError,
)
from scheduler_defs.declarations.models.declared import Agent


@dataclass(frozen=True)
class ClaimedTask:
    """The task, the token of its lease (shown once), and until when it holds."""

    task: Task
    token: str
    expires: dt.datetime


def claim(
    place: Place, task_id: int, agent_name: str, *, holder: str, seconds: int, now: dt.datetime
) -> ClaimedTask:
    """Take a task for an agent, if that takes work, has a free slot and may have it.

    Raises UnknownAgentError, UnknownTaskError, and NotNeededError that says why not.
    """
    agent = place.agent(agent_name)
    task = place.task_queue.get(task_id)
    request = _request(place, agent, task, leases.new_id())
    with transaction(place.engine) as connection:
        assignments.lock_pass(connection)
        live = assignments.live(connection, place.task_queue.backend)
        _refuse(place, connection, agent, task, live, now)
        given = _reserve(connection, place, agent, task, request, now)
        token = leases.grant(
            connection, given, request.run_id, place.task_queue.backend, holder=holder, seconds=seconds
        )
        agent_states.note_given(connection, [agent.name], now)
    try:
        taken = place.task_queue.claim(task_id, request, now)
    except (NotNeededError, UnknownTaskError):
        _end(place, given.run_key, request.run_id, AssignmentEnding.NOT_NEEDED, now)
        raise
    # If the task queue is away nobody knows whether it is taken: if so, the queue's pass gives it back when
    # the lease has run out.
    with transaction(place.engine) as connection:
        lease = leases.find(connection, token, task_id)
    if lease is None:
        raise LostTaskError(f"the lease on task {task_id} has run out already")
    return ClaimedTask(taken, token, lease.expires_at)


def claimable(place: Place, task_id: int, agent_name: str, *, now: dt.datetime) -> Task:
    """The task, if the agent may have it now; nothing is taken. Raises as `claim`."""
    agent = place.agent(agent_name)
    task = place.task_queue.get(task_id)
    with transaction(place.engine) as connection:
        _refuse(place, connection, agent, task, assignments.live(connection, place.task_queue.backend), now)
    return task


def lease_of(place: Place, task_id: int, token: str) -> TaskLease:
    """The lease on a task. Raises LostTaskError when the token is not its, or has run out."""
    with transaction(place.engine) as connection:
        lease = leases.find(connection, token, task_id)
    if lease is None or lease.backend != place.task_queue.backend:
        raise LostTaskError(f"this is no lease on task {task_id}, or it has run out: claim the task anew")
    return lease


def on_behalf(place: Place, lease: TaskLease) -> Place:
    """The same place for the holder: what he steers is refused once he has lost his task."""
    task_queue = place.task_queue.on_behalf_of(Held(lease.task_id, lease.run_id))
    return Place(place.declarations, place.engine, task_queue)


def heartbeat(place: Place, lease: TaskLease) -> dt.datetime:
    """Keep the task for as long again. Raises LostTaskError: somebody has taken it away."""
    task = place.task_queue.get(lease.task_id)
    if task.status != "working" or task.run_id != lease.run_id:
        settle(place, lease, Ending.CANCELED, now=dt.datetime.now(dt.UTC))
        raise LostTaskError(Held(lease.task_id, lease.run_id).lost(task.status))
    with transaction(place.engine) as connection:
        until = leases.renew(connection, lease)
    if until is None:
        raise LostTaskError(f"the lease on task {lease.task_id} has run out: claim the task anew")
    return until


def settle(
    place: Place,
    lease: TaskLease,
    ending: Ending,
    *,
    detail: str = "",
    result: Any = None,
    question: str = "",
    gave_up: bool = False,
    now: dt.datetime,
) -> Task:
    """Say how the work on the task ended, and give its slot free. Saying it again changes nothing.

    `gave_up`: no other attempt is to be made. Raises LostTaskError when it had been taken away meanwhile.
    """
    noted = {"ending": ending.value, "detail": detail, "result": result, "gave_up": gave_up}
    with transaction(place.engine) as connection:
        assignments.note_outcome(connection, lease.run_key, noted)
        if ending is Ending.QUESTION:
            subject = inbox.task_subject(place.task_queue.backend, lease.task_id)
            key, details = f"question:{lease.run_key}", {"run_id": lease.run_id}
            inbox.ask(connection, subject, question, key=key, asked_by=lease.agent, details=details)
    request = ClaimRequest(lease.run_id, lease.agent, lease.queue, lease.max_attempts)
    settled = place.task_queue.settle(
        lease.task_id,
        request,
        ending,
        detail=detail,
        result=result,
        wait=None if gave_up else _wait(place, lease, ending),
        now=now,
    )
    how = assignments.ending_of(settled)
    _end(place, lease.run_key, lease.run_id, how, now)
    if how is AssignmentEnding.LEAVE:
        raise LostTaskError(Held(lease.task_id, lease.run_id).lost(settled.status))
    return place.task_queue.get(lease.task_id)


def _request(place: Place, agent: Agent, task: Task, run_id: str) -> ClaimRequest:
    return ClaimRequest(
        run_id=run_id,
        agent=agent.name,
        queue=task.queue,
        max_attempts=task.max_attempts or agent.retries.max_attempts,
        capabilities=frozenset(agent.capabilities),
        blocking=place.declarations.task_queue.for_queue(task.queue).blocking,
    )


def _refuse(
    place: Place, connection: Any, agent: Agent, task: Task, live: list[Assignment], now: dt.datetime
) -> None:
    """Raise NotNeededError when the agent may have no task of the queue now."""
    if task.queue not in agent.queues:
        raise NotNeededError(f"agent {agent.name} serves {', '.join(agent.queues)}, not {task.queue}")
    taken = next((each for each in live if each.task_id == task.id), None)
    if taken is not None:
        raise NotNeededError(f"task {task.id}: it is given to {taken.agent} already")
    views = pool(
        place.declarations,
        task.queue,
        loads=assignments.loads(live),
        states=agent_states.states(connection),
        now=now.astimezone(),
        quotas={name: found.state for name, found in pools(connection).items()},
        budgets=budgets_of(place.declarations).closed(connection, now),
    )
    view = replace(next(each for each in views if each.name == agent.name), pull=False)
    if not view.takes_work(now) or not view.free:
        raise NotNeededError(f"agent {agent.name} takes no work now: {agent_state(view, view.active, now)}")
    reserved = Standing.read(connection, place.declarations, live, now).reserved(task.queue)
    kept_apart = Reserved(reserved).refusal(task.id, task.paths)
    if kept_apart is not None:
        raise NotNeededError(f"task {task.id}: it {kept_apart.reason}")


def _reserve(
    connection: Any, place: Place, agent: Agent, task: Task, request: ClaimRequest, now: dt.datetime
) -> Assignment:
    placement = Placement(task.id, agent.name, task.attempts + 1, request.max_attempts)
    candidate = Candidate(task.id, task.created, task.priority)
    reserved = assignments.reserve(connection, place.task_queue.backend, task.queue, [placement], [candidate])
    taken = assignments.take(connection, reserved[0].run_key, request.run_id, now) if reserved else None
    if taken is None:
        raise NotNeededError(f"task {task.id} was given to somebody else at this moment")
    return taken


def _wait(place: Place, lease: TaskLease, ending: Ending) -> dt.timedelta | None:
    agent = place.declarations.agents.get(lease.agent)
    return wait_before_next(agent, lease.attempt, ending, exit_code=None, task_id=lease.task_id)


def _end(place: Place, run_key: str, run_id: str, ending: AssignmentEnding, now: dt.datetime) -> None:
    with transaction(place.engine) as connection:
        assignments.end(connection, run_key, ending, now)
        connection.execute(assignments.statement("end_lease"), {"run_id": run_id})
