"""How often workers beat and how long a lease lasts: the one set of numbers that all sides count with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from scheduler_defs.errors import UsageError

BEAT = "SIGNALBOX_BEAT_SECONDS"
EXPIRY = "SIGNALBOX_LEASE_SECONDS"

DEFAULT_GRACE = timedelta(seconds=10)
"""What a process has to end after a cancel that asked for no other time, as the table of leases says."""


@dataclass(frozen=True)
class Terms:
    """A worker beats every `beat`; a lease that was not renewed for `expiry` is dead.

    A worker stops its own work `margin` before the lease dies, so that the guard has the time to end the
    command before another copy of the run can start.
    """

    beat: timedelta = timedelta(seconds=5)
    expiry: timedelta = timedelta(seconds=20)

    @property
    def margin(self) -> timedelta:
        """How long before its lease dies a worker that cannot renew it stops its work."""
        return min(timedelta(seconds=3), self.expiry / 5)

    @property
    def fence(self) -> timedelta:
        """Time after the last renewal at which a worker stops its own work."""
        return self.expiry - self.margin

    @property
    def silence(self) -> timedelta:
        """A worker that has been silent for longer than this gets no more work."""
        return self.beat * 2.5


def terms(environ: Mapping[str, str] | None = None) -> Terms:
    """The terms from the environment. Raises UsageError when one late beat would cost a lease."""
    env = os.environ if environ is None else environ
    found = Terms(
        beat=_seconds(env, BEAT, Terms.beat),
        expiry=_seconds(env, EXPIRY, Terms.expiry),
    )
    if found.expiry < found.beat * 3:
        raise UsageError(f"{EXPIRY}: must be at least three times {BEAT}, so that one late beat does no harm")
    return found


def _seconds(env: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise UsageError(f"{name}: {text!r} is not a number of seconds between 0 and 3600")
    return timedelta(seconds=value)
