"""Send the alerts that are due: each channel by itself, so that one that fails stops no other.

An alert is sent **at least once**: it is marked as sent after its delivery, so what is killed in between is
sent again, with the same `id`. Before an attempt the alert is put off, so two senders never take the same.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from scheduler_defs.alerting.channels import Document, Place, send
from scheduler_defs.declarations.alert_models import Channel
from scheduler_defs.errors import SignalboxError

MOST_ATTEMPTS = 8
OLDEST = dt.timedelta(days=1)
"""After so many attempts, or so long, an alert is given up; `signalbox alerts list` counts those."""

FIRST_WAIT = dt.timedelta(seconds=30)
LONGEST_WAIT = dt.timedelta(minutes=30)
"""Between attempts; it doubles from the first to the longest."""

KEPT = dt.timedelta(days=30)
"""Sent and given up alerts are kept for so long."""

MOST_AT_ONCE = 100
BUDGET_SECONDS = 20.0
"""For each channel and tick. What is left over is sent with the next one."""

_THREADS = 8

# In the order in which they were decided; what another sender holds is left to it.
CLAIM = sa.text(
    """
    UPDATE signalbox.alerts AS alert
    SET attempts = attempts + 1,
        due_at = :now + least(CAST(:first AS interval) * power(2, attempts), CAST(:longest AS interval))
    FROM (
        SELECT id FROM signalbox.alerts
        WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= :now
        ORDER BY id LIMIT :most
        FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE alert.id = due.id
    RETURNING alert.id, alert.channel, alert.document, alert.attempts, alert.created_at
    """
)
SENT = sa.text("UPDATE signalbox.alerts SET sent_at = :now, fault = NULL WHERE id = :id")
FAILED = sa.text(
    """
    UPDATE signalbox.alerts
    SET fault = :fault, given_up_at = CASE WHEN :give_up THEN CAST(:now AS timestamptz) END
    WHERE id = :id
    """
)
# Not tried: its channel has just failed, or the time was up.
PUT_BACK = sa.text("UPDATE signalbox.alerts SET attempts = attempts - 1, due_at = :due WHERE id = ANY(:ids)")
FORGET = sa.text(
    "DELETE FROM signalbox.alerts"
    " WHERE created_at < :before AND (sent_at IS NOT NULL OR given_up_at IS NOT NULL)"
)

Send = Callable[[Channel, Document, Place], None]


@dataclass(frozen=True)
class Due:
    """An alert that is to be sent now."""

    id: int
    channel: str
    document: Mapping[str, Any]
    attempts: int
    """This one included."""
    created_at: dt.datetime


@dataclass(frozen=True)
class Sent:
    """What one round of sending has done. `faults` are single lines without addresses."""

    delivered: int = 0
    put_off: int = 0
    given_up: int = 0
    faults: tuple[str, ...] = ()


def send_due(
    engine: sa.Engine,
    channels: Mapping[str, Channel],
    place: Place,
    now: dt.datetime,
    *,
    deliver: Send = send,
) -> Sent:
    """Send what is due, each channel in a thread of its own, in the order of deciding."""
    due = claim(engine, now)
    if not due:
        return Sent()
    by_channel: dict[str, list[Due]] = {}
    for alert in due:
        by_channel.setdefault(alert.channel, []).append(alert)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="alerts") as pool:
        rounds = [
            pool.submit(_send_all, engine, channels.get(name), alerts, place, now, deliver)
            for name, alerts in by_channel.items()
        ]
        done = [each.result() for each in rounds]
    with engine.begin() as connection:
        connection.execute(FORGET, {"before": now - KEPT})
    return Sent(
        sum(each.delivered for each in done),
        sum(each.put_off for each in done),
        sum(each.given_up for each in done),
        tuple(fault for each in done for fault in each.faults),
    )


def claim(engine: sa.Engine, now: dt.datetime) -> list[Due]:
    """The alerts that are due, oldest first, put off until their next attempt."""
    with engine.begin() as connection:
        rows = connection.execute(
            CLAIM, {"now": now, "first": FIRST_WAIT, "longest": LONGEST_WAIT, "most": MOST_AT_ONCE}
        ).all()
    found = [Due(row.id, row.channel, row.document, row.attempts, row.created_at) for row in rows]
    return sorted(found, key=lambda due: due.id)


def _send_all(
    engine: sa.Engine,
    channel: Channel | None,
    alerts: Sequence[Due],
    place: Place,
    now: dt.datetime,
    deliver: Send,
) -> Sent:
    """One channel's alerts, until it fails or the time is up."""
    deadline = time.monotonic() + BUDGET_SECONDS
    for position, alert in enumerate(alerts):
        if position and time.monotonic() > deadline:
            _put_back(engine, alerts[position:], now)
            return Sent(delivered=position, put_off=len(alerts) - position)
        fault = _fault(channel, alert, place, deliver)
        if fault is None:
            with engine.begin() as connection:
                connection.execute(SENT, {"id": alert.id, "now": now})
            continue
        give_up = channel is None or gives_up(alert, now)
        with engine.begin() as connection:
            connection.execute(FAILED, {"id": alert.id, "now": now, "fault": fault, "give_up": give_up})
        _put_back(engine, alerts[position + 1 :], now)
        return Sent(position, len(alerts) - position - give_up, int(give_up), (fault,))
    return Sent(delivered=len(alerts))


def _fault(channel: Channel | None, alert: Due, place: Place, deliver: Send) -> str | None:
    if channel is None:
        return f"channel {alert.channel}: not declared any more"
    try:
        deliver(channel, {"id": alert.id, **alert.document}, place)
    except SignalboxError as error:
        return str(error)
    except Exception as error:
        # A fault of ours must not keep the other channels from being served; its text may hold an address.
        return f"channel {channel.name}: {type(error).__name__}"
    return None


def gives_up(alert: Due, now: dt.datetime) -> bool:
    """Whether a failed attempt was the last."""
    return alert.attempts >= MOST_ATTEMPTS or now - alert.created_at >= OLDEST


def _put_back(engine: sa.Engine, alerts: Sequence[Due], now: dt.datetime) -> None:
    if alerts:
        with engine.begin() as connection:
            connection.execute(PUT_BACK, {"ids": [alert.id for alert in alerts], "due": now})
