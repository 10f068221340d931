"""Who has taken note of an alert; and whoever else is told because nobody has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from scheduler_defs.alerting import store
from scheduler_defs.alerting.rules.deciding import Key
from scheduler_defs.alerting.rules.model import State, Streak
from scheduler_defs.audit.entries import Entry, acting
from scheduler_defs.audit.store import record
from scheduler_defs.declarations.models.alerts import AlertRule
from scheduler_defs.timing import format_duration

OPEN = sa.text(
    """
    SELECT id, rule, channel, document->>'subject' AS subject, document->>'text' AS text, created_at, sent_at
    FROM signalbox.alerts
    WHERE acknowledged_at IS NULL AND document->>'state' = 'failing'
      AND (CAST(:rule AS text) IS NULL OR rule = :rule)
      AND (:every OR id = ANY(:ids))
    ORDER BY id
    """
)
ACKNOWLEDGE = sa.text(
    "UPDATE signalbox.alerts SET acknowledged_at = :now, acknowledged_by = :actor WHERE id = ANY(:ids)"
)
# One subject is escalated once for each alert, however many channels were told.
UNANSWERED = sa.text(
    """
    SELECT id, document, document->>'subject' AS subject, document->>'on' AS kind
    FROM signalbox.alerts
    WHERE rule = :rule AND document->>'state' = 'failing' AND sent_at <= :before
      AND acknowledged_at IS NULL AND escalated_at IS NULL AND NOT document ? 'escalated'
    ORDER BY id
    """
)
ESCALATED = sa.text("UPDATE signalbox.alerts SET escalated_at = :now WHERE id = ANY(:ids)")


def acknowledge(
    engine: sa.Engine, now: dt.datetime, *, ids: Collection[int] = (), rule: str | None = None
) -> list[dict[str, Any]]:
    """Take note of open alerts, by number or by rule (neither: all of them); those that it was done for.

    What is acknowledged is told again when it goes on, as the rule says; nobody else is told because of it.
    """
    wanted = {"ids": list(ids), "every": not ids, "rule": rule}
    with engine.begin() as connection:
        rows = [dict(row) for row in connection.execute(OPEN, wanted).mappings()]
        if rows:
            done = {"ids": [row["id"] for row in rows], "now": now, "actor": acting().actor}
            connection.execute(ACKNOWLEDGE, done)
            record(connection, *map(_entry, rows))
    return rows


def _entry(row: Mapping[str, Any]) -> Entry:
    noted = {"rule": row["rule"], "text": row["text"]}
    return Entry("alert.acknowledged", f"alert:{row['id']}", after=noted)


def escalate(
    connection: sa.Connection,
    rules: Collection[AlertRule],
    streaks: Mapping[Key, Streak],
    now: dt.datetime,
) -> Sequence[str]:
    """Tell the channels of `escalate_to` of what still goes wrong and nobody has acknowledged in time."""
    lines: list[str] = []
    for rule in rules:
        if rule.escalate_after is None:
            continue
        rows = connection.execute(UNANSWERED, {"rule": rule.name, "before": now - rule.escalate_after}).all()
        told: set[str] = set()
        for row in rows:
            streak = streaks.get((rule.name, row.kind, row.subject))
            if streak is None or streak.count == 0 or row.subject in told:
                continue
            told.add(row.subject)
            span = format_duration(rule.escalate_after)
            text = f"nobody has acknowledged it for {span}: {row.document['text']}"
            document = {**row.document, "text": text, "state": State.FAILING.value, "escalated": True}
            store.add(connection, [(channel, rule.name, document, now) for channel in rule.escalate_to], now)
            lines.append(text)
        if rows:
            connection.execute(ESCALATED, {"ids": [row.id for row in rows], "now": now})
    return lines
