"""What a review looks at, read from the ledger and from Dagster's runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.upkeep.review.model import Past

statement = NamedSql(Path(__file__).parent)

WINDOW = dt.timedelta(days=90)
_DURATIONS = 50


def read(
    engine: sa.Engine, declarations: Declarations, now: dt.datetime
) -> tuple[Mapping[str, Past], frozenset[str]]:
    """The past of each declared schedule, and the names that Dagster has switched on and nobody declares."""
    with engine.connect() as connection:
        outcomes = {
            row.schedule: row for row in connection.execute(statement("outcomes"), {"since": now - WINDOW})
        }
        durations = {
            row.schedule: [float(each) for each in row.seconds]
            for row in connection.execute(
                statement("durations"), {"schedule": tags.SCHEDULE, "most": _DURATIONS}
            )
        }
        paused = {row.schedule: row.since for row in connection.execute(statement("paused"), {"now": now})}
        switches = {row.schedule: row for row in connection.execute(statement("switches"))}
        declared_since = {row.schedule: row.since for row in connection.execute(statement("declared_since"))}
    past: dict[str, Past] = {}
    for name, schedule in declarations.schedules.items():
        found, switch = outcomes.get(name), switches.get(dagster_name(name))
        off_since = None
        if switch is not None and switch.change == "off":
            off_since = switch.at
        elif not schedule.enabled and (switch is None or switch.change != "on"):
            off_since = declared_since.get(name)
        past[name] = Past(
            runs=found.runs if found else 0,
            succeeded=found.succeeded if found else 0,
            statuses=tuple(found.statuses or ()) if found else (),
            durations=tuple(durations.get(name, ())),
            checks=found.checks if found else 0,
            checked_since=found.checked_since if found else None,
            paused_since=paused.get(name),
            off_since=off_since,
        )
    declared = {dagster_name(name) for name in declarations.schedules}
    orphans = {name for name, row in switches.items() if row.change == "on" and name not in declared}
    return past, frozenset(orphans)
