"""A clock that was set back: what was decided by the old time does not run again until that is reached."""

from __future__ import annotations

import datetime as dt

from scheduler_defs.timing.durations import format_duration

# Occurrences are decided when they are due. Only a clock that was set back puts one into the future.
AHEAD = """
    SELECT max(handled), extract(epoch FROM max(handled) - now())::float
    FROM signalbox.schedule_states WHERE handled > now() + interval '1 minute'
"""


def clock_problems(url: str) -> list[str]:
    """One line while it lasts. Raises what the database raises."""
    from scheduler_defs.stack.health.checks import rows

    ((newest, seconds),) = rows(url, AHEAD)
    if newest is None:
        return []
    ahead = format_duration(dt.timedelta(seconds=round(seconds)))
    return [
        f"the clock was set back by {ahead} or more: what was due up to"
        f" {newest.isoformat(timespec='minutes')} was decided before, and does not run again"
    ]
