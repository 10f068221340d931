"""Pauses: a schedule that is on, but starts nothing until an instant or until somebody resumes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from scheduler_defs.audit.entries import Acting, Action, Entry, acting
from scheduler_defs.audit.store import record
from scheduler_defs.errors import UsageError


@dataclass(frozen=True, slots=True)
class Pause:
    """Why, by whom, since when and until when (None: until resumed) a schedule rests or rested."""

    schedule: str
    reason: str | None
    actor: str
    since: dt.datetime
    until: dt.datetime | None

    def holds_at(self, instant: dt.datetime) -> bool:
        """Whether the pause is in force at this instant."""
        return self.since <= instant and (self.until is None or instant < self.until)


_READ = sa.text("SELECT schedule, reason, actor, since, until FROM signalbox.pauses")

# Changes nothing, and says so by returning no row, when such a pause is in force already.
_PAUSE = sa.text(
    """
    INSERT INTO signalbox.pauses AS p (schedule, reason, actor, since, until)
    VALUES (:schedule, :reason, :actor, :now, :until)
    ON CONFLICT (schedule) DO UPDATE
        SET reason = :reason, actor = :actor, until = :until,
            since = CASE WHEN p.until IS NULL OR p.until > :now THEN p.since ELSE :now END
        WHERE NOT ((p.until IS NULL OR p.until > :now)
                   AND p.until IS NOT DISTINCT FROM :until
                   AND p.reason IS NOT DISTINCT FROM :reason)
    RETURNING schedule
    """
)

# Pauses of the past explain, for as long as the ledger is kept, why nothing ran.
_NOTE = sa.text(
    """
    INSERT INTO signalbox.schedule_changes (schedule, at, change, until, actor, reason)
    VALUES (:schedule, :now, :change, :until, :actor, :reason)
    """
)

_RESUME = sa.text(
    """
    UPDATE signalbox.pauses SET until = :now
    WHERE schedule = :schedule AND (until IS NULL OR until > :now)
    RETURNING schedule
    """
)


def read_pauses(engine: sa.Engine) -> Mapping[str, Pause]:
    """Every pause, ended ones included, by schedule."""
    with engine.connect() as connection:
        return {row.schedule: Pause(*row) for row in connection.execute(_READ)}


def check_end(until: dt.datetime | None, now: dt.datetime) -> None:
    """Raises UsageError for a pause that would be over before it begins."""
    if until is not None and until <= now:
        raise UsageError(f"the pause would end at {until.isoformat()}, which is over")


def pause(
    engine: sa.Engine,
    schedule: str,
    *,
    actor: str,
    now: dt.datetime,
    reason: str | None = None,
    until: dt.datetime | None = None,
) -> bool:
    """Pause a schedule. Returns False, and changes nothing, when it is paused in just this way already.

    Raises UsageError as `check_end`.
    """
    check_end(until, now)
    values = {"schedule": schedule, "reason": reason, "actor": actor, "now": now, "until": until}
    with engine.begin() as connection:
        changed = connection.execute(_PAUSE, values).first() is not None
        if changed:
            after = {"until": until}
            record(
                connection,
                Entry(Action.SCHEDULE_PAUSED, _subject(schedule), after=after, acting=_by(actor, reason)),
            )
            connection.execute(_NOTE, {**values, "change": "paused"})
        return changed


def resume(engine: sa.Engine, schedule: str, *, now: dt.datetime, actor: str | None = None) -> bool:
    """End a pause. Returns False when there is none. What fell due meanwhile is not caught up."""
    with engine.begin() as connection:
        changed = connection.execute(_RESUME, {"schedule": schedule, "now": now}).first() is not None
        if changed:
            record(connection, Entry(Action.SCHEDULE_RESUMED, _subject(schedule), acting=_by(actor, None)))
            values = {"schedule": schedule, "reason": None, "actor": None, "until": None}
            connection.execute(_NOTE, {**values, "now": now, "change": "resumed"})
        return changed


def _subject(schedule: str) -> str:
    return f"schedule:{schedule}"


def _by(actor: str | None, reason: str | None) -> Acting:
    who = acting() if actor is None else replace(acting(), actor=actor)
    return replace(who, reason=reason)
