"""Send the alerts that are due: each channel by itself, so that one that fails stops no other.

An alert is sent **at least once**: it is marked as sent after its delivery, so what is killed in between is
sent again, with the same `id`. Before an attempt the alert is put off, so two senders never take the same.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from scheduler_defs.alerting.channels import Document, Place, send
from scheduler_defs.alerting.delivery import digests
from scheduler_defs.approvals.links import LASTS_SECONDS, Link
from scheduler_defs.declarations.models.alerts import Channel
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
SENT = sa.text("UPDATE signalbox.alerts SET sent_at = :now, fault = NULL WHERE id = ANY(:ids)")
FAILED = sa.text(
    """
    UPDATE signalbox.alerts
    SET fault = :fault, given_up_at = CASE WHEN id = ANY(:lost) THEN CAST(:now AS timestamptz) END
    WHERE id = ANY(:ids)
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
    alerts = [alert for _, together in bundles(alerts) for alert in together]
    for position, together in bundles(alerts):
        if position and time.monotonic() > deadline:
            _put_back(engine, alerts[position:], now)
            return Sent(delivered=position, put_off=len(alerts) - position)
        ids = [alert.id for alert in together]
        fault = _fault(channel, together, place, deliver)
        if fault is None:
            with engine.begin() as connection:
                connection.execute(SENT, {"ids": ids, "now": now})
            continue
        lost = [alert.id for alert in together if channel is None or gives_up(alert, now)]
        with engine.begin() as connection:
            connection.execute(FAILED, {"ids": ids, "now": now, "fault": fault, "lost": lost})
        _put_back(engine, alerts[position + len(together) :], now)
        return Sent(position, len(alerts) - position - len(lost), len(lost), (fault,))
    return Sent(delivered=len(alerts))


def bundles(alerts: Sequence[Due]) -> Iterator[tuple[int, list[Due]]]:
    """One channel's alerts as messages, each with the place of its first; a digest is one message."""
    place = 0
    of_rule = {
        rule: list(found) for rule, found in groupby(sorted(alerts, key=_digest_of), key=_digest_of) if rule
    }
    told: set[str] = set()
    for alert in alerts:
        rule = _digest_of(alert)
        if rule in told:
            continue
        together = of_rule[rule] if rule else [alert]
        told |= {rule} if rule else set()
        yield place, together
        place += len(together)


def _digest_of(alert: Due) -> str:
    """The rule whose digest it is part of; empty: of none."""
    return str(alert.document["rule"]) if digests.MARK in alert.document else ""


def _fault(channel: Channel | None, together: Sequence[Due], place: Place, deliver: Send) -> str | None:
    if channel is None:
        return f"channel {together[0].channel}: not declared any more"
    documents = [{"id": alert.id, **alert.document} for alert in together]
    document = (
        digests.merged(documents)
        if digests.MARK in documents[0]
        else {**documents[0], **_link(channel, together[0], place)}
    )
    try:
        deliver(channel, document, place)
    except SignalboxError as error:
        return str(error)
    except Exception as error:
        # A fault of ours must not keep the other channels from being served; its text may hold an address.
        return f"channel {channel.name}: {type(error).__name__}"
    return None


def _link(channel: Channel, alert: Due, place: Place) -> dict[str, str]:
    """Made while it is sent, and kept nowhere; sent again, it is the same."""
    approval, state = alert.document.get("approval"), alert.document.get("state")
    if channel.approve_as is None or place.decide is None or approval is None or state != "failing":
        return {}
    until = int(alert.created_at.timestamp()) + LASTS_SECONDS
    return {"decide": place.decide(Link(approval, alert.id, until))}


def gives_up(alert: Due, now: dt.datetime) -> bool:
    """Whether a failed attempt was the last."""
    return alert.attempts >= MOST_ATTEMPTS or now - alert.created_at >= OLDEST


def _put_back(engine: sa.Engine, alerts: Sequence[Due], now: dt.datetime) -> None:
    if alerts:
        with engine.begin() as connection:
            connection.execute(PUT_BACK, {"ids": [alert.id for alert in alerts], "due": now})
