"""What became of each occurrence of a schedule: runs say what ran, ticks say why something did not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from scheduler_defs import tags
from scheduler_defs.declarations.models import Schedule
from scheduler_defs.evaluation.cadence import EVERY_MINUTE, cron_of
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import instant, list_runs
from scheduler_defs.graphql.schedules import selector
from scheduler_defs.timing import is_due, previous_occurrence

MOST_TICKS = 1_000
_TICKS_FOR_ONE = 20
"""A schedule that is looked at each minute has many ticks for one occurrence."""

# How a tick begins that has nothing to say of an earlier occurrence (timing.decision, Policies.refusal).
_OF_THE_TICK_ONLY = ("not due", "paused ", "excluded", "before start", "after end", "outside working hours")
_TOO_LATE = "late, allowed are"


def history(client: GraphQLClient, schedule: Schedule, limit: int) -> list[dict[str, Any]]:
    """The newest `limit` occurrences, newest first; attempts stand under their occurrence, newest first."""
    runs = list_runs(client, with_tags={tags.SCHEDULE: schedule.name}, limit=limit)
    each_minute = cron_of(schedule) == EVERY_MINUTE
    wanted = min(MOST_TICKS, limit * _TICKS_FOR_ONE) if each_minute else limit
    answer = client.call("ScheduleTicks", selector=selector(schedule), limit=wanted)
    return occurrence_rows(schedule, runs, answer["scheduleState"]["ticks"])[:limit]


def occurrence_rows(
    schedule: Schedule, runs: Sequence[Mapping[str, Any]], ticks: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Runs and ticks (newest first, as GraphQL gives them) as one list by occurrence.

    Of several ticks about one occurrence, such as those of one that waited for a limit, the last one counts.
    Ticks that were no occurrence and say nothing of one are left out.
    """
    rows = [_ran(run) for run in runs]
    handled = {_moment(run["scheduled_for"]) for run in runs if run["scheduled_for"]}
    for tick in ticks:
        if tick["status"] == "FAILURE":
            rows.append(_failed_tick(tick))
        elif tick["status"] == "SKIPPED":
            due = _occurrence_of(schedule, tick)
            if due is not None and due not in handled:
                handled.add(due)
                rows.append(_not_run(due.astimezone().isoformat(), tick))
    rows.sort(
        key=lambda row: (_moment(row["scheduled_for"] or row["created"]), row["attempt"] or 0), reverse=True
    )
    return rows


def _occurrence_of(schedule: Schedule, tick: Mapping[str, Any]) -> dt.datetime | None:
    """The occurrence that a skipped tick is about."""
    moment = dt.datetime.fromtimestamp(tick["timestamp"], tz=dt.UTC)
    if is_due(schedule.timing, moment):
        return moment
    if (tick["skipReason"] or "").startswith(_OF_THE_TICK_ONLY):
        return None
    return previous_occurrence(schedule.timing, moment, schedule.policies)


def _ran(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "scheduled_for": run["scheduled_for"],
        "outcome": "run",
        "reason": run["reason"],
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


def _failed_tick(tick: Mapping[str, Any]) -> dict[str, Any]:
    error = tick["error"]["message"].strip().splitlines()[0] if tick["error"] else "the tick failed"
    return {**_not_run(instant(tick["timestamp"]), tick), "outcome": "missed", "error": error[:500]}


def _not_run(scheduled_for: str | None, tick: Mapping[str, Any]) -> dict[str, Any]:
    reason = tick["skipReason"]
    return {
        "scheduled_for": scheduled_for,
        "outcome": "missed" if reason and _TOO_LATE in reason else "skipped",
        "reason": reason,
        "run_id": None,
        "status": None,
        "trigger": None,
        "attempt": None,
        "created": instant(tick["timestamp"]),
        "started": None,
        "ended": None,
        "failure": None,
        "error": None,
    }


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
