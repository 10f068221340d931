"""Up to where has been read, and what was read beyond that: so that each thing counts once. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from scheduler_defs.alerting.events.standing import Standing

MARGIN = dt.timedelta(minutes=5)
"""So far back is read again: clocks differ, and a write may wait for the database."""

ROWS = 5_000
"""Most rows of a kind that are read with one statement."""

_BATCHES = 10
"""So many at one look; the rest is read with the next."""

_A_GAP = dt.timedelta(minutes=1)
_UNFINISHED = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Position:
    """What has been read. Instants are of the rows, ids those of ticks."""

    began: dt.datetime
    """What happened before is history, and nobody is told."""
    runs: dt.datetime
    tasks: dt.datetime
    tick: int
    ledger: dt.datetime | None = None
    """None, as earlier releases have left it: as far as `runs`."""
    unfinished: Mapping[int, dt.datetime] = field(default_factory=dict[int, dt.datetime])
    """Ticks that had not ended when they were read, or were not there though later ones were; since when."""
    failing: Mapping[str, str] = field(default_factory=dict[str, str])
    """Dagster's selector ids of the schedules and sensors whose last tick failed, and their Dagster names."""
    counted: Mapping[str, dt.datetime] = field(default_factory=dict[str, dt.datetime])
    """What has been counted within the margin, and its instant."""
    standing: Mapping[str, Standing] = field(default_factory=dict[str, Standing])
    """What was wrong at the last look, by key."""
    proved: dt.datetime | None = None
    """When the ledger was last proved."""
    beats: dt.datetime | None = None
    """Up to where runs were read for heartbeats; None: as far as `runs`."""
    beaten: Mapping[str, dt.datetime] = field(default_factory=dict[str, dt.datetime])
    """Starts and ends that were told as heartbeats within the margin, and when they were read."""
    cycles: Mapping[str, str] = field(default_factory=dict[str, str])
    """Rings of tasks that were there, by subject; and their queue."""

    @classmethod
    def beginning(cls, now: dt.datetime, tick: int) -> Position:
        """At `now`."""
        return cls(began=now, runs=now, tasks=now, tick=tick, ledger=now)

    def is_new(self, key: str) -> bool:
        """Whether it has not been counted yet."""
        return key not in self.counted

    def having_counted(self, counted: Mapping[str, dt.datetime]) -> Position:
        """With these counted as well, and without those that are not read again."""
        oldest = min(self.runs, self.tasks) - 2 * MARGIN
        both = {**self.counted, **counted}
        return replace(self, counted={key: at for key, at in both.items() if at > oldest})


Row = TypeVar("Row")


def new_rows(
    read: Callable[[dt.datetime], Sequence[Row]],
    instant: Callable[[Row], dt.datetime],
    position: dt.datetime,
    began: dt.datetime,
    now: dt.datetime,
) -> tuple[list[Row], dt.datetime]:
    """All that is new since `position` and happened after `began`, and the position afterwards.

    `read` gives what is later than an instant: oldest first, at most `ROWS`.
    """
    since = max(position - MARGIN, began)
    found: list[Row] = []
    for _ in range(_BATCHES):
        rows = read(since)
        found += rows
        if len(rows) < ROWS:
            return found, max(position, now)
        since = instant(rows[-1])
    return found, since + MARGIN


def unfinished_after(
    position: Position, seen: Mapping[int, bool], now: dt.datetime
) -> tuple[int, dict[int, dt.datetime]]:
    """The newest tick's id, and the ticks to look for again. `seen`: ids read, and whether they had ended.

    An id that is missing between two that are there may be written later (or never, after a rollback).
    """
    newest = max((position.tick, *seen))
    waited = dict(position.unfinished)
    for tick in range(max(position.tick + 1, newest - 2 * ROWS), newest):
        if tick not in seen:
            waited.setdefault(tick, now)
    for tick, ended in seen.items():
        if ended:
            waited.pop(tick, None)
        else:
            waited.setdefault(tick, now)
    return newest, {
        tick: since
        for tick, since in waited.items()
        if now - since < (_UNFINISHED if tick in seen else _A_GAP)
    }
