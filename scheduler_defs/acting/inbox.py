"""What waits for a person: approvals, agents' questions, what failed for good, what nobody can explain."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.acting.place import Place, transaction
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.questions.inbox import open_entries, task_subject
from scheduler_defs.agents.task_queue.models import TaskQuery
from scheduler_defs.approvals.reading import waiting
from scheduler_defs.approvals.wording import sentence
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.execution.lookups.failed_runs import failed_for_good
from scheduler_defs.forecasting.replay import replay
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import list_runs

FAILED_SINCE = dt.timedelta(days=7)
"""Runs that failed earlier are history."""
UNPROVEN_SINCE = dt.timedelta(days=1)
_MOST_RUNS = 500
_MOST_TASKS = 200

_statement = NamedSql(Path(__file__).parent)


def unproven(engine: sa.Engine, now: dt.datetime) -> list[dict[str, Any]]:
    """The entries of what was due and nobody can explain. Recomputes a day: slow with many schedules."""
    return list(_unproven(engine, now))


def inbox_objects(
    place: Place,
    client: Callable[[], GraphQLClient] | None,
    now: dt.datetime,
    *,
    proving: Callable[[sa.Engine, dt.datetime], list[dict[str, Any]]] = unproven,
    findings: Callable[[Place, dt.datetime], list[dict[str, Any]]] = lambda _place, _now: [],
) -> list[dict[str, Any]]:
    """`{id, kind, subject, text, since, asked_by, actions}` of each, oldest first, without what is put off.

    `kind`: approval, question, budget, task_failed, run_failed, unproven or finding. Without a client the
    runs are left out: nobody answers for them. `proving`: as `unproven`, perhaps from a moment ago.
    `findings`: of the review, which looks at more than this room knows.
    """
    with transaction(place.engine) as connection:
        asked = open_entries(connection)
        approvals = waiting(connection)
        put_off = set(connection.execute(_statement("put_off_now"), {"now": now}).scalars())
        failed = failed_for_good(connection, now - FAILED_SINCE, _MOST_RUNS) if client else []
    rows = [
        {
            "id": entry.id,
            "kind": entry.kind,
            "subject": entry.subject,
            "text": entry.body,
            "since": entry.asked_at,
            "asked_by": entry.asked_by,
            "actions": [_answering(entry.kind, entry.subject.rpartition(":")[2])],
        }
        for entry in asked
    ]
    rows += map(_approval, approvals)
    rows += _tasks(place)
    rows += _runs(client(), failed) if client and failed else []
    rows += proving(place.engine, now)
    rows += findings(place, now)
    rows.sort(key=lambda row: row["since"])
    return [row for row in rows if str(row["id"]) not in put_off]


def put_off(engine: sa.Engine, entry: str, *, until: dt.datetime | None, by: str) -> None:
    """Leave an entry out of the inbox until then, or for good. A question stays open, and can be answered."""
    with transaction(engine) as connection:
        connection.execute(_statement("put_off"), {"entry": entry, "until": until, "by": by})


def _answering(kind: str, name: str) -> str:
    return f"signalbox budgets allow {name}" if kind == "budget" else f"signalbox tasks answer {name} TEXT"


def _approval(approval: Mapping[str, Any]) -> dict[str, Any]:
    key = approval["id"]
    return {
        "id": f"approval:{key}",
        "kind": "approval",
        "subject": approval["subject"],
        "text": sentence(approval),
        "since": approval["requested"],
        "asked_by": approval["requested_by"],
        "actions": [f"signalbox approvals approve {key}", f"signalbox approvals deny {key} --reason WHY"],
    }


def _tasks(place: Place) -> Iterator[dict[str, Any]]:
    query = TaskQuery(statuses=(TaskStatus.FAILED,), limit=_MOST_TASKS)
    for task in place.task_queue.find(query):
        subject = task_subject(place.task_queue.backend, task.id)
        ended = task.finished or task.updated
        yield {
            # Failed again after it was put off, it is an entry of its own.
            "id": f"{subject}@{ended.astimezone(dt.UTC):%Y%m%dT%H%M%S}",
            "kind": "task_failed",
            "subject": subject,
            "text": f"task {task.id} of queue {task.queue} is given up: {task.title}",
            "since": ended,
            "asked_by": task.agent,
            "actions": [f"signalbox tasks requeue {task.id}", f"signalbox tasks cancel {task.id}"],
        }


def _runs(client: GraphQLClient, run_ids: list[str]) -> Iterator[dict[str, Any]]:
    """One for each schedule, or job: the newest, and how many more there are."""
    groups: dict[tuple[str | None, str], list[dict[str, Any]]] = {}
    for run in list_runs(client, run_ids=tuple(run_ids), limit=len(run_ids)):
        groups.setdefault((run["schedule"], run["job"]), []).append(run)
    for (schedule, job), runs in groups.items():
        newest = max(runs, key=lambda run: run["created"])
        what = f"schedule {schedule}" if schedule else f"job {job}"
        why = newest["error"] or newest["failure"] or "no reason is known"
        more = f" ({len(runs) - 1} more in the last days)" if len(runs) > 1 else ""
        yield {
            "id": f"run:{newest['run_id']}",
            "kind": "run_failed",
            "subject": f"run:{newest['run_id']}",
            "text": f"a run of {what} has failed for good: {why}{more}",
            "since": dt.datetime.fromisoformat(newest["ended"] or newest["created"]),
            "asked_by": newest["actor"],
            "actions": [f"signalbox why {newest['run_id']}", f"signalbox runs retry {newest['run_id']}"],
        }


def _unproven(engine: sa.Engine, now: dt.datetime) -> Iterator[dict[str, Any]]:
    found = replay(engine, now - UNPROVEN_SINCE, now, now).document()["problems"]
    by_schedule: dict[str, list[dict[str, Any]]] = {}
    for problem in found:
        by_schedule.setdefault(problem["schedule"], []).append(problem)
    for schedule, problems in by_schedule.items():
        first = problems[0]
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        yield {
            "id": f"unproven:{schedule}@{first['due']}",
            "kind": "unproven",
            "subject": f"schedule:{schedule}@{first['due']}",
            "text": f"{schedule}, due {first['due']}: {first['problem']}: {first['detail']}{more}",
            "since": dt.datetime.fromisoformat(first["due"]),
            "asked_by": None,
            "actions": [f"signalbox why schedule:{schedule}@{first['due']}", "signalbox prove"],
        }
