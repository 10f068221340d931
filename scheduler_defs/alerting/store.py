"""What the sensor `alerts` remembers, and the alerts to be sent, in the schema `signalbox`."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from scheduler_defs.alerting.events.facts import SeenTask
from scheduler_defs.alerting.events.position import Position
from scheduler_defs.alerting.rules.deciding import Key
from scheduler_defs.alerting.rules.model import Streak

_log = logging.getLogger(__name__)

# One look at a time: whoever has the row decides.
LOCK = sa.text("SELECT position, streaks FROM signalbox.alert_memory FOR UPDATE")
SAVE = sa.text(
    """
    INSERT INTO signalbox.alert_memory (position, streaks)
    VALUES (CAST(:position AS jsonb), CAST(:streaks AS jsonb))
    ON CONFLICT (one) DO UPDATE
    SET position = excluded.position, streaks = excluded.streaks, updated_at = now()
    """
)
ADD = sa.text(
    """
    INSERT INTO signalbox.alerts (channel, rule, document, created_at, due_at)
    SELECT channel, rule, CAST(document AS jsonb), :now, coalesce(due, :now)
    FROM unnest(CAST(:channels AS text[]), CAST(:rules AS text[]), CAST(:documents AS text[]),
                CAST(:dues AS timestamptz[]))
        WITH ORDINALITY AS added (channel, rule, document, due, place)
    ORDER BY place
    """
)
# Through tasks_by_finish (queue, finished_at); for other task queues through assignments_by_end.
TASKS = sa.text(
    """
    SELECT id, queue, title, status = 'failed' AS failed, finished_at AS at, run_id
    FROM signalbox.tasks
    WHERE queue = ANY(:queues) AND finished_at > :since AND status IN ('failed', 'complete')
    ORDER BY finished_at
    LIMIT :most
    """
)
ASSIGNMENTS = sa.text(
    """
    SELECT task_id AS id, queue, '' AS title, ending IN ('dead_letter', 'failed_aside') AS failed,
           ended_at AS at, run_id
    FROM signalbox.assignments
    WHERE queue = ANY(:queues) AND ended_at > :since
      AND ending IN ('dead_letter', 'failed_aside', 'complete', 'complete_aside')
    ORDER BY ended_at
    LIMIT :most
    """
)


@dataclass(frozen=True)
class AlertMemory:
    """What the last look has left."""

    position: Position
    streaks: Mapping[Key, Streak]


def read_memory(connection: sa.Connection) -> AlertMemory | None:
    """The same, locked until the transaction ends; None before the first look, or if it cannot be read."""
    row = connection.execute(LOCK).first()
    if row is None:
        return None
    try:
        position = _positions().validate_python(row.position)
        return AlertMemory(position, dict(_streaks().validate_python(row.streaks)))
    except ValidationError as error:
        _log.error("alerts begin anew: what they remembered cannot be read: %s", error)
        return None


def save(connection: sa.Connection, position: Position, streaks: Mapping[Key, Streak]) -> None:
    """Remember this."""
    connection.execute(
        SAVE,
        {
            "position": _positions().dump_json(position).decode(),
            "streaks": _streaks().dump_json(list(streaks.items())).decode(),
        },
    )


def add(
    connection: sa.Connection,
    alerts: Iterable[tuple[str, str, Mapping[str, Any], dt.datetime | None]],
    now: dt.datetime,
) -> None:
    """Alerts to be sent: of each the channel, rule and document, and when (None: at once)."""
    rows = list(alerts)
    if rows:
        channels, rules, documents, dues = zip(*rows, strict=True)
        connection.execute(
            ADD,
            {
                "channels": list(channels),
                "rules": list(rules),
                "documents": [json.dumps(document) for document in documents],
                "dues": list(dues),
                "now": now,
            },
        )


def ended_tasks(
    connection: sa.Connection, backend: str, queues: Sequence[str], since: dt.datetime, most: int
) -> list[SeenTask]:
    """Tasks of these queues that are complete or were set aside as failed since then, oldest first."""
    statement = TASKS if backend == "postgres" else ASSIGNMENTS
    rows = connection.execute(statement, {"queues": list(queues), "since": since, "most": most})
    return [SeenTask(row.id, row.queue, row.title, row.failed, row.at, row.run_id) for row in rows]


@cache
def _positions() -> TypeAdapter[Position]:
    return TypeAdapter(Position)


@cache
def _streaks() -> TypeAdapter[list[tuple[Key, Streak]]]:
    return TypeAdapter(list[tuple[Key, Streak]])
