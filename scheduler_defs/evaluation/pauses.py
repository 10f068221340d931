"""Pauses: a schedule that is on, but starts nothing until an instant or until somebody resumes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa


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


def pause(
    engine: sa.Engine,
    schedule: str,
    *,
    actor: str,
    now: dt.datetime,
    reason: str | None = None,
    until: dt.datetime | None = None,
) -> bool:
    """Pause a schedule. Returns False, and changes nothing, when it is paused in just this way already."""
    values = {"schedule": schedule, "reason": reason, "actor": actor, "now": now, "until": until}
    with engine.begin() as connection:
        return connection.execute(_PAUSE, values).first() is not None


def resume(engine: sa.Engine, schedule: str, *, now: dt.datetime) -> bool:
    """End a pause. Returns False when there is none. What fell due meanwhile is not caught up."""
    with engine.begin() as connection:
        return connection.execute(_RESUME, {"schedule": schedule, "now": now}).first() is not None
