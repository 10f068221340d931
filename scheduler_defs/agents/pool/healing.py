"""Put right what killed workers, deleted runs and absent task queues have left behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.deciding.healing import Doubtful, Finding, Remedy, RunState, examine
from scheduler_defs.agents.landing import landings
from scheduler_defs.agents.pool import agent_states, assignments, leases
from scheduler_defs.agents.pool.assignments import Assignment, AssignmentEnding
from scheduler_defs.agents.pool.runs import Runs, SeenRun
from scheduler_defs.agents.pool.views import wait_before_next
from scheduler_defs.agents.task_queue.protocol import TaskQueue, UnknownTaskError
from scheduler_defs.agents.task_queue.wording import AUTHOR
from scheduler_defs.declarations.models.declared import Declarations

_LOOK_UP_AFTER = dt.timedelta(seconds=5)
"""A request is left alone for so long before its run is looked for."""

_CLOCKS_DIFFER = dt.timedelta(minutes=5)
"""So much at most between the database and the hosts."""


@dataclass(frozen=True, slots=True)
class Healed:
    """One assignment that was put right, and how."""

    task_id: int
    run_id: str | None
    agent: str
    ending: AssignmentEnding
    why: str


def find(
    engine: sa.Engine, live: Sequence[Assignment], runs: Runs, now: dt.datetime
) -> list[tuple[Assignment, Finding, SeenRun | None]]:
    """The assignments that need a remedy. Notes on the way which run was launched for which request."""
    with engine.connect() as connection:
        leased = leases.living(connection, [a.run_id for a in live if a.run_id and not a.outcome])
    started = {a.run_id: a for a in live if a.run_id is not None and a.run_id not in leased}
    requested = {a.run_key: a for a in live if a.run_id is None and is_due(a, now)}
    by_id = runs.by_id(list(started))
    since = min((a.requested_at for a in requested.values()), default=now)
    by_key = runs.by_key(list(requested), since - _CLOCKS_DIFFER)
    if by_key:
        with engine.begin() as connection:
            for run_key, seen in by_key.items():
                assignments.know_run(connection, run_key, seen.run_id)
    pairs = [(a, by_id.get(run_id)) for run_id, a in started.items()]
    pairs += [(a, by_key.get(run_key)) for run_key, a in requested.items()]
    found = [(assignment, _examined(assignment, seen, now), seen) for assignment, seen in pairs]
    return [(a, finding, seen) for a, finding, seen in found if finding.remedy is not Remedy.NOTHING]


def _examined(assignment: Assignment, seen: SeenRun | None, now: dt.datetime) -> Finding:
    finding = examine(_doubtful(assignment, seen), now)
    if finding.detail and leases.is_lease(assignment.run_id or ""):
        return replace(finding, detail="its lease has run out")
    return finding


def is_due(request: Assignment, now: dt.datetime) -> bool:
    """Whether a run should have come of the request by now."""
    return now - request.requested_at > _LOOK_UP_AFTER


def heal(
    engine: sa.Engine,
    task_queue: TaskQueue,
    declarations: Declarations,
    found: Sequence[tuple[Assignment, Finding, SeenRun | None]],
    now: dt.datetime,
) -> list[Healed]:
    """Apply the remedies. Raises TaskQueueDownError; what has been put right by then stays so."""
    healed: list[Healed] = []
    for assignment, finding, seen in found:
        run_id = assignment.run_id or (seen.run_id if seen else None)
        ending, why = _apply(task_queue, declarations, assignment, finding, run_id, now)
        with engine.begin() as connection:
            assignments.end(connection, assignment.run_key, ending, now)
            if finding.failed_start:
                agent_states.note_start(connection, assignment.agent, failed=True, now=now)
        healed.append(Healed(assignment.task_id, run_id, assignment.agent, ending, why))
    return healed


def sweep(
    engine: sa.Engine, task_queue: TaskQueue, declarations: Declarations, runs: Runs, now: dt.datetime
) -> list[Healed]:
    """Tasks worked on by runs that no assignment knows: settled, or counted again if the run lives."""
    with engine.connect() as connection:
        known = {a.task_id for a in assignments.live(connection, task_queue.backend)}
        known |= landings.open_tasks(connection, task_queue.backend)
        holders = [holder for holder in task_queue.from_now().held_by_runs() if holder.task_id not in known]
        leased = leases.living(connection, [holder.run_id for holder in holders])
    orphans = [holder for holder in holders if holder.run_id not in leased]
    seen = runs.by_id([holder.run_id for holder in orphans])
    healed: list[Healed] = []
    for holder in orphans:
        agent = declarations.agents.get(holder.agent)
        most = max(holder.attempt, agent.retries.max_attempts if agent else 1)
        run = seen.get(holder.run_id)
        if run is not None and run.state is RunState.UNFINISHED:
            with engine.begin() as connection:
                assignments.adopt(connection, task_queue.backend, holder, most, now)
            continue
        lost = Assignment(
            "", holder.task_id, holder.queue, holder.agent, holder.attempt, most, 0, holder.run_id, now
        )
        finding = examine(
            Doubtful(True, False, run.state if run else RunState.MISSING, run.failure if run else None, now),
            now,
        )
        ending, why = _apply(task_queue, declarations, lost, finding, holder.run_id, now)
        healed.append(Healed(holder.task_id, holder.run_id, holder.agent, ending, why))
    return healed


def _doubtful(assignment: Assignment, seen: SeenRun | None) -> Doubtful:
    return Doubtful(
        claimed=assignment.claimed_at is not None,
        noted=_is_readable(assignment),
        run=seen.state if seen else RunState.MISSING,
        failure=seen.failure if seen else None,
        requested=assignment.requested_at,
    )


def _is_readable(assignment: Assignment) -> bool:
    """Whether it is noted how the work ended. A note that cannot be read is none: the run's state counts."""
    outcome = assignment.outcome
    return isinstance(outcome, Mapping) and outcome.get("ending") in set(Ending)


def _apply(
    task_queue: TaskQueue,
    declarations: Declarations,
    assignment: Assignment,
    finding: Finding,
    run_id: str | None,
    now: dt.datetime,
) -> tuple[AssignmentEnding, str]:
    try:
        match finding.remedy:
            case Remedy.SETTLE:
                return _settle(task_queue, declarations, assignment, finding, run_id or "", now)
            case Remedy.CANCEL_TASK:
                why = f"its run {run_id} was canceled before it began"
                task_queue.cancel(assignment.task_id, reason=why, author=AUTHOR)
                return AssignmentEnding.CANCEL, why
            case Remedy.RELEASE | Remedy.NOTHING:
                why = "its run ended before it could begin" if run_id else "no run came of the request"
                return AssignmentEnding.NEVER_STARTED, why
    except UnknownTaskError:
        return AssignmentEnding.LEAVE, "the task is gone"


def _settle(
    task_queue: TaskQueue,
    declarations: Declarations,
    assignment: Assignment,
    finding: Finding,
    run_id: str,
    now: dt.datetime,
) -> tuple[AssignmentEnding, str]:
    noted = dict(assignment.outcome or {}) if _is_readable(assignment) else dict[str, Any]()
    ending = Ending(noted["ending"]) if noted else finding.ending or Ending.WORKER_LOST
    agent = declarations.agents.get(assignment.agent)
    request = ClaimRequest(run_id, assignment.agent, assignment.queue, assignment.max_attempts)
    settled = task_queue.settle(
        assignment.task_id,
        request,
        ending,
        detail=noted.get("detail", "") or finding.detail,
        result=noted.get("result"),
        wait=None
        if noted.get("gave_up")
        else wait_before_next(
            agent,
            assignment.attempt,
            ending,
            exit_code=noted.get("exit_code"),
            task_id=assignment.task_id,
        ),
        now=now,
    )
    return assignments.ending_of(settled), settled.why
