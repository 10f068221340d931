"""What is written of a window: entries, gaps, rests, rules, and runs that nobody has ordered."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.ledger.book import statement
from scheduler_defs.ledger.proving import SETTLED_SECONDS

Change = tuple[float, str, float | None]
"""When, what, and until when."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A schedule's rule and when it was in force. `decided`: what had been dealt with when it ended."""

    schedule: str
    since: dt.datetime
    until: dt.datetime | None
    decided: dt.datetime | None
    rule: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """All that is written of a window. Instants of occurrences are seconds since the epoch."""

    began: dt.datetime | None
    """The first declarations were written down then; of what was before nothing is known."""
    spells: Sequence[Spell]
    written: Mapping[str, Mapping[int, str]]
    gaps: Mapping[str, Sequence[tuple[int, int]]]
    changes: Mapping[str, Sequence[Change]]
    """By schedule: switches under Dagster's name, pauses under the declared one."""
    several: Mapping[tuple[str, int], int]
    """Occurrences with more than one run."""
    unordered: Sequence[tuple[str, int]]
    """Occurrences with a run that no entry has ordered."""
    statuses: Mapping[str, int]


def read(
    engine: sa.Engine,
    since: dt.datetime,
    until: dt.datetime,
    now: dt.datetime,
    schedules: Sequence[str] | None = None,
) -> Account:
    """Read the window, for these schedules or all. One transaction, so that it is of one moment."""
    chosen = {"every": schedules is None, "schedules": list(schedules or ())}
    window = {"since": since, "until": until}
    settled = now - dt.timedelta(seconds=SETTLED_SECONDS)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        began = connection.execute(statement("first_version")).scalar_one()
        spells = [
            Spell(row.schedule, row.since, row.until, row.decided, row.rule)
            for row in connection.execute(statement("rules_between"), window)
            if schedules is None or row.schedule in schedules
        ]
        written = {
            row.schedule: dict(zip(row.dues, row.outcomes, strict=True))
            for row in connection.execute(statement("written"), {**window, **chosen, "settled": settled})
        }
        gaps: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for row in connection.execute(statement("gaps"), window):
            gaps[row.schedule].append((row.since, row.until))
        changes: defaultdict[str, list[Change]] = defaultdict(list)
        for row in connection.execute(statement("changes_until"), {"until": until}):
            end = None if row.until is None else row.until.timestamp()
            changes[row.schedule].append((row.at.timestamp(), row.change, end))
        statuses = {
            row.status: row.runs for row in connection.execute(statement("statuses"), {**window, **chosen})
        }
        runs = connection.execute(statement("runs_of_occurrences"), {**window, **_of_runs(since, began)})
        found = [row for row in runs if schedules is None or row.schedule in schedules]
    return Account(
        began,
        spells,
        written,
        gaps,
        changes,
        {(row.schedule, row.due): row.runs for row in found if row.runs > 1},
        [(row.schedule, row.due) for row in found if row.unordered],
        statuses,
    )


def _of_runs(since: dt.datetime, began: dt.datetime | None) -> dict[str, Any]:
    created = max(since, began) if began is not None else since
    return {
        "trigger": tags.TRIGGER,
        "by_schedule": tags.Trigger.SCHEDULE.value,
        "schedule": tags.SCHEDULE,
        "scheduled_for": tags.SCHEDULED_FOR,
        "parent": tags.DAGSTER_PARENT_RUN,
        "root": tags.ROOT_RUN,
        "created": created.astimezone(dt.UTC).replace(tzinfo=None),
    }
