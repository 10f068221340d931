"""Why an occurrence has no line in the ledger: it is to come, its schedule rested, another line says it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.explaining.model import Link
from scheduler_defs.ledger.proving import SETTLED_SECONDS

_statement = NamedSql(Path(__file__).parent)


def why_absent(connection: sa.Connection, schedule: Schedule, due: dt.datetime, now: dt.datetime) -> Link:
    """The cause. `undecided` is left for what `signalbox prove` cannot account for either."""
    if due > now:
        return Link("to_come", f"it is due at {due.isoformat()}, which is still to come", due)
    wanted = {"schedule": schedule.name, "switch": dagster_name(schedule.name), "due": due}
    rule = connection.execute(_statement("rule_at"), wanted).one()
    if rule.dropped is not None and due < rule.dropped:
        before = rule.dropped.isoformat()
        return Link(
            "dropped", f"what is older than {before} was dropped from the ledger by retention", before
        )
    if rule.since is None:
        served = f"; it is served since {rule.first.isoformat()}" if rule.first else ""
        return Link("not_served", f"this rule of it did not count then{served}", rule.first)
    stood = {
        row.change in ("paused", "resumed"): row for row in connection.execute(_statement("stood"), wanted)
    }
    switch, pause = stood.get(False), stood.get(True)
    if pause is not None and pause.change == "paused" and (pause.until is None or pause.until > due):
        why = f": {pause.reason}" if pause.reason else ""
        text = f"it was paused then, since {pause.at.isoformat()}, by {pause.actor or 'somebody'}{why}"
        return Link("was_paused", text, pause.at, {"actor": pause.actor, "until": pause.until})
    if switch is not None and switch.change == "off":
        text = f"it was switched off then, since {switch.at.isoformat()}, by {switch.actor or 'somebody'}"
        return Link("was_off", text, switch.at, {"actor": switch.actor})
    if not schedule.enabled and (switch is None or switch.change == "as_declared"):
        return Link("was_off", "it is declared `enabled: false`, and nobody had switched it on then")
    other = connection.execute(_statement("spoken_for"), wanted).first()
    if other is not None:
        text = f"it was missed; that of {other.due.isoformat()} speaks for it ({other.outcome})"
        return Link("missed", text, other.decided_at, {"due": other.due})
    if now - due < dt.timedelta(seconds=SETTLED_SECONDS):
        return Link("deciding", "it was due just now, and is decided in a moment", due)
    return Link("undecided", "it was due, and nothing is written down of it: see `signalbox prove`", due)
