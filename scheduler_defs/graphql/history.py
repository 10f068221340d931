"""What became of each occurrence of a schedule: the ledger says it, also of a run that is gone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.evaluation.wording import text
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import list_runs
from scheduler_defs.ledger.entries import Outcome
from scheduler_defs.ledger.lines import Line, newest
from scheduler_defs.ledger.reasons import ConditionError
from scheduler_defs.timing.instants import in_zone

_SHOWN = {
    Outcome.LAUNCHED: "run",
    Outcome.RUN_EARLY: "run",
    Outcome.MISSED: "missed",
    Outcome.COLLAPSED: "missed",
    Outcome.MISFIRED: "missed",
}
"""The others are shown as skipped."""


def history(client: GraphQLClient, engine: sa.Engine, schedule: Schedule, limit: int) -> list[dict[str, Any]]:
    """The newest `limit` occurrences, newest first; attempts stand under their occurrence, newest first."""
    runs = list_runs(client, with_tags={tags.SCHEDULE: schedule.name}, limit=limit)
    return occurrence_rows(schedule, runs, newest(engine, schedule.name, limit))[:limit]


def occurrence_rows(
    schedule: Schedule, runs: Sequence[Mapping[str, Any]], lines: Sequence[Line]
) -> list[dict[str, Any]]:
    """Runs and the ledger's lines as one list by occurrence.

    A run that is there tells more than its line; what a line says beyond that is its reason.
    """
    said = {line.run_id: line for line in lines if line.run_id is not None}
    rows = [_ran(schedule, run, said.get(run["run_id"])) for run in runs]
    there = {run["run_id"] for run in runs}
    rows += [_noted(schedule, line) for line in lines if line.run_id is None or line.run_id not in there]
    rows.sort(
        key=lambda row: (_moment(row["scheduled_for"] or row["created"]), row["attempt"] or 0), reverse=True
    )
    return rows


def _ran(schedule: Schedule, run: Mapping[str, Any], line: Line | None) -> dict[str, Any]:
    return {
        "scheduled_for": run["scheduled_for"],
        "outcome": "run",
        "reason": run["reason"] or (_reason(schedule, line) if line is not None else None),
        "run_id": run["run_id"],
        "status": run["status"],
        "trigger": run["trigger"],
        "attempt": run["attempt"],
        "created": run["created"],
        "started": run["started"],
        "ended": run["ended"],
        "failure": run["failure"],
        "error": run["error"],
    }


def _noted(schedule: Schedule, line: Line) -> dict[str, Any]:
    outcome = _SHOWN.get(line.outcome, "skipped")
    reason = (
        f"the run was deleted; it had {line.attempts} attempts" if line.deleted else _reason(schedule, line)
    )
    failed = isinstance(line.reason, ConditionError)
    early = line.outcome is Outcome.RUN_EARLY
    trigger = tags.Trigger.RUN_NOW if early else tags.Trigger.SCHEDULE
    return {
        "scheduled_for": line.due.astimezone().isoformat(),
        "outcome": outcome,
        "reason": None if failed else reason,
        "run_id": line.run_id,
        "status": line.status,
        "trigger": trigger.value if outcome == "run" else None,
        "attempt": max(1, line.attempts) if outcome == "run" else None,
        "created": line.decided_at.astimezone().isoformat(timespec="milliseconds"),
        "started": None,
        "ended": None,
        "failure": None,
        "error": reason if failed else None,
    }


def _reason(schedule: Schedule, line: Line) -> str | None:
    deferred = line.outcome is Outcome.DEFERRED
    return text(line.reason, in_zone(line.due, schedule.timing.place), deferred=deferred) or None


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
