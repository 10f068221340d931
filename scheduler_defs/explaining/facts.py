"""What explanations are made from, read now: from Dagster's GraphQL, our tables, and the task queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.errors import NotThereError, SignalboxError
from scheduler_defs.explaining.absent import why_absent
from scheduler_defs.explaining.model import Explanation
from scheduler_defs.explaining.runs import Lease, Waits, explain_run
from scheduler_defs.explaining.schedules import explain_schedule
from scheduler_defs.explaining.tasks import explain_queue, explain_task

if TYPE_CHECKING:
    import sqlalchemy as sa

    from scheduler_defs.agents.pool.passes import Pass
    from scheduler_defs.agents.pool.runs import Runs
    from scheduler_defs.agents.task_queue.protocol import TaskQueue
    from scheduler_defs.execution.queue.choice.read import QueueState
    from scheduler_defs.graphql.client import GraphQLClient
    from scheduler_defs.ledger.entries import Known

_MOST_LINKS = 20
"""Of a chain of blockers, and of reasons in a queue."""

_statement = NamedSql(Path(__file__).parent)


@dataclass(frozen=True)
class Sources:
    """Where the facts are. `client` and `task_queue` are asked only for what needs them."""

    declarations: Declarations
    engine: sa.Engine
    client: Callable[[], GraphQLClient]
    task_queue: Callable[[], TaskQueue]
    runs: Callable[[], Runs | None]


def explain(subject: str, sources: Sources, now: dt.datetime) -> Explanation:
    """`RUN`, `run:ID`, `task:ID`, `schedule:NAME[@ISO]` or `queue:NAME`.

    Raises NotThereError, and SignalboxError for what cannot be read as one of these.
    """
    kind, separator, name = subject.partition(":")
    if not separator:
        return _run(subject, sources)
    match kind:
        case "run":
            return _run(name, sources)
        case "task" if name.isdecimal():
            return _task(int(name), sources, now)
        case "schedule":
            return _schedule(name, sources, now)
        case "queue":
            return _queue(name, sources, now)
        case _:
            raise SignalboxError(
                f"{subject!r}: ask about a run's id, task:ID, schedule:NAME, schedule:NAME@TIME or queue:NAME"
            )


def _run(run_id: str, sources: Sources) -> Explanation:
    from scheduler_defs.approvals.reading import of_run
    from scheduler_defs.graphql.runs import find_run

    run = find_run(sources.client(), run_id)
    waits = _waits(run["run_id"], sources) if run["status"] == "QUEUED" else None
    with sources.engine.connect() as connection:
        row = connection.execute(_statement("lease_of"), {"run_id": run["run_id"]}).mappings().first()
        approvals = of_run(connection, run["run_id"])
    lease = None
    if row is not None:
        times = {
            name: row[name].astimezone().isoformat(timespec="seconds") for name in ("renewed", "expires")
        }
        lease = Lease(row["worker"], row["host"], times["renewed"], times["expires"], row["expired"])
    return explain_run(run, waits, lease, approvals)


def _waits(run_id: str, sources: Sources) -> Waits | None:
    from scheduler_defs.execution.life.terms import terms
    from scheduler_defs.execution.queue.choice.read import QueueReader
    from scheduler_defs.execution.queue.choice.select import select
    from scheduler_defs.limits import effective_limits

    in_force = effective_limits(sources.declarations)
    with sources.engine.connect() as connection:
        state = QueueReader(terms().silence).read(connection, in_force)
    wait = select(state.queued, state.active, in_force, state.workers).waiting.get(run_id)
    if wait is None:
        return None
    return Waits(
        wait.reason.value,
        wait.queue,
        tuple(_limit_text(limit) for limit in wait.limits),
        _held_by(state, wait),
        tuple(worker.id for worker in state.workers if wait.queue in worker.queues),
    )


def _limit_text(limit: Any) -> str:
    value = "" if limit.value is None else f"={limit.value}"
    return f"{limit.key}{value} {limit.limit} ({limit.source})"


def _held_by(state: QueueState, wait: Any) -> tuple[str, ...]:
    from scheduler_defs.execution.queue.choice.select import LimitCounts

    if not wait.limits:
        return tuple(run.run_id for run in state.active if run.queue == wait.queue)
    counts = LimitCounts(wait.limits)
    return tuple(run.run_id for run in state.active if any(True for _ in counts.matching(run.tags)))


def _schedule(asked: str, sources: Sources, now: dt.datetime) -> Explanation:
    from scheduler_defs.evaluation.records import read_recorded
    from scheduler_defs.evaluation.wording import text
    from scheduler_defs.graphql.schedules import schedule_objects
    from scheduler_defs.timing import is_due, next_occurrence, previous_occurrence

    name, separator, when = asked.partition("@")
    schedule = _declared(sources.declarations.schedules, name)
    at = _instant(when, schedule) if separator else None
    (row,) = schedule_objects(sources.client(), [schedule], now, read_recorded(sources.engine, [schedule]))
    due = at or previous_occurrence(schedule.timing, now, schedule.policies)
    last = _known(sources, name, due)
    worded = text(last.entry.reason, last.entry.due) if last is not None else ""
    not_due = ""
    if at is not None and not is_due(schedule.timing, at, schedule.policies):
        following = next_occurrence(schedule.timing, at, schedule.policies)
        after = f"; the next after it is {following.isoformat()}" if following else ""
        not_due = f"{at.isoformat()} is no occurrence of it{after}"
    absent = None
    if last is None and due is not None and not not_due:
        with sources.engine.connect() as connection:
            absent = why_absent(connection, schedule, due, now)
    return explain_schedule(row, last, worded, at=at, not_due=not_due, absent=absent)


def _known(sources: Sources, schedule: str, due: dt.datetime | None) -> Known | None:
    from scheduler_defs.ledger.book import Book

    if due is None:
        return None
    found = Book(lambda: sources.engine).decided(schedule, due, [due])
    return next((each for each in found if each.entry.due == due), found[-1] if found else None)


def _task(task_id: int, sources: Sources, now: dt.datetime) -> Explanation:
    from scheduler_defs.agents.landing import landings
    from scheduler_defs.agents.task_queue.objects import task_object

    task_queue = sources.task_queue()
    details = task_queue.details(task_id)
    task = task_object(details.task)
    waiting = None
    if task["status"] == "idle" and task["queue"] in sources.declarations.served_queues:
        waiting = _reasons(_next_pass(task["queue"], sources, now)).get(task_id)
    comments = [comment.content for comment in reversed(details.comments)]
    with sources.engine.connect() as connection:
        waits = [
            each for each in landings.of_task(connection, task_queue.backend, task_id) if not each.ended_at
        ]
    landing = waits[-1].document() if waits and task["status"] == "working" else None
    return explain_task(task, waiting, _chain(task_queue, task), comments, landing)


def _chain(task_queue: TaskQueue, task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the task waits for, and what that waits for: the first open blocker of each."""
    from scheduler_defs.agents.task_queue.objects import task_object

    found: list[dict[str, Any]] = []
    seen = {task["id"]}
    while task["blocked"] and len(found) < _MOST_LINKS:
        blockers = [task_object(task_queue.get(key)) for key in task["blocked_by"] if key not in seen]
        still = [blocker for blocker in blockers if blocker["status"] not in ("complete", "archived")]
        if not still:
            break
        task = still[0]
        seen.add(task["id"])
        found.append(dict(task))
    return found


def _queue(name: str, sources: Sources, now: dt.datetime) -> Explanation:
    from scheduler_defs.agents.deciding.matching.eligibility import agent_state
    from scheduler_defs.agents.pool import agent_states, assignments
    from scheduler_defs.agents.pool.views import agent_view

    task_queue = sources.task_queue()
    counts = task_queue.counts().get(name)
    agents = [agent for agent in sources.declarations.agents.values() if name in agent.queues]
    if counts is None and not agents:
        served = ", ".join(sources.declarations.served_queues) or "none"
        raise NotThereError(f"no queue {name!r}; served are {served}")
    with sources.engine.connect() as connection:
        loads = assignments.loads(assignments.live(connection, task_queue.backend))
        states = agent_states.states(connection)
    rows: list[dict[str, Any]] = []
    for agent in agents:
        state = states.get(agent.name, agent_states.AgentState())
        view = agent_view(agent, load=loads.get(agent.name, 0), state=state, now=now)
        on = "on" if view.takes_work(now) else agent_state(view, view.active, now)
        rows.append({"name": agent.name, "state": on, "active": view.active, "limit": agent.limit})
    coming = _next_pass(name, sources, now)
    reasons = list(_reasons(coming).values())[:_MOST_LINKS] if agents else []
    return explain_queue(name, rows, counts.idle if counts else 0, reasons, coming.view.faults)


def _reasons(preview: Pass) -> dict[int, str]:
    return {waiting.task: waiting.reason for waiting in preview.decided.waiting}


def _next_pass(queue: str, sources: Sources, now: dt.datetime) -> Pass:
    from scheduler_defs.agents.pool.passes import preview

    return preview(
        sources.engine, sources.task_queue(), sources.declarations, queue, runs=sources.runs(), now=now
    )


def _declared(schedules: Mapping[str, Schedule], name: str) -> Schedule:
    import difflib

    if name in schedules:
        return schedules[name]
    near: Sequence[str] = difflib.get_close_matches(name, schedules, n=1)
    raise NotThereError(f"no schedule {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def _instant(given: str, schedule: Schedule) -> dt.datetime:
    from zoneinfo import ZoneInfo

    try:
        moment = dt.datetime.fromisoformat(given)
    except ValueError:
        raise SignalboxError(f"{given!r} is no instant; write one as 2026-03-01T08:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(schedule.timezone))
