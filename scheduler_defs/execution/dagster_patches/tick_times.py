"""At which instants Dagster ticks a schedule of ours (private Dagster API, contract-tested).

Dagster asks a schedule whenever its cron says so. A cron can say neither from when nor until when, nor seven
minutes, and not that an occurrence waits for its jitter, for a limit, or for a run that was ordered and
never made. So there would be ticks each minute for ever, nearly all of them for nothing. Here the cron counts
within the bounds that the schedule's metadata name, or their steps where they name some, and in the daemon
each minute from the one on in which something waits.
"""

from __future__ import annotations

import datetime as dt
import heapq
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagster._core.remote_representation.external import RemoteSchedule

from scheduler_defs import tags

NEVER = dt.datetime(2999, 1, 1, tzinfo=dt.UTC)
"""Dagster wants a next tick of every schedule; from here on are those that nobody will see."""

FRESH_SECONDS = 2.0

Waiting = Callable[[], Mapping[str, float]]
"""Since when something of a schedule waits: seconds since the epoch by declared name."""

_log = logging.getLogger("signalbox.daemon")
_of_cron = RemoteSchedule.execution_time_iterator


def _nothing() -> Mapping[str, float]:
    return {}


_waiting: Waiting = _nothing


def install() -> None:
    """Have this process reckon with bounds."""
    RemoteSchedule.execution_time_iterator = tick_times


def install_waiting(waiting: Waiting) -> None:
    """Have this process, the daemon's, tick for what waits as well."""
    global _waiting
    install()
    _waiting = Remembered(waiting)


def is_waiting(schedule: RemoteSchedule, now: float) -> bool:
    """Whether something of the schedule waits whose time has come."""
    since = _since(schedule)
    return since is not None and since <= now


def tick_times(self: RemoteSchedule, start_timestamp: float, ascending: bool = True) -> Iterator[dt.datetime]:
    """Instants not before `start_timestamp`, or not after it, at which the schedule ticks."""
    if not ascending:
        return _of_cron(self, start_timestamp, ascending)
    within = _within(self, start_timestamp)
    since = _since(self)
    if since is None:
        return within
    return _distinct(heapq.merge(within, _minutes(max(since, start_timestamp))))


def _since(schedule: RemoteSchedule) -> float | None:
    declared = _metadata(schedule, tags.DECLARED)
    return None if declared is None else _waiting().get(declared)


def _within(schedule: RemoteSchedule, start: float) -> Iterator[dt.datetime]:
    first, last = _metadata(schedule, tags.DUE_FROM), _metadata(schedule, tags.DUE_UNTIL)
    for moment in _moments(schedule, start if first is None else max(start, first)):
        if last is not None and moment.timestamp() > last:
            break
        yield moment
    yield from _days(max(NEVER.timestamp(), start))


def _moments(schedule: RemoteSchedule, start: float) -> Iterator[dt.datetime]:
    anchor, apart = _metadata(schedule, tags.COUNTED_FROM), _metadata(schedule, tags.SECONDS_APART)
    if anchor is None or not apart:
        yield from _of_cron(schedule, start, True)
        return
    moment = anchor + max(0, math.ceil((start - anchor) / apart)) * apart
    while moment < NEVER.timestamp():
        yield dt.datetime.fromtimestamp(moment, tz=dt.UTC)
        moment += apart


def _metadata(schedule: RemoteSchedule, name: str) -> Any:
    return getattr(schedule.metadata.get(name), "value", None)


def _minutes(start: float) -> Iterator[dt.datetime]:
    minute = math.ceil(start / 60) * 60
    while True:
        yield dt.datetime.fromtimestamp(minute, tz=dt.UTC)
        minute += 60


def _days(start: float) -> Iterator[dt.datetime]:
    day = dt.datetime.fromtimestamp(start, tz=dt.UTC)
    while True:
        yield day
        day += dt.timedelta(days=1)


def _distinct(ordered: Iterator[dt.datetime]) -> Iterator[dt.datetime]:
    last: dt.datetime | None = None
    for moment in ordered:
        if moment != last:
            yield moment
        last = moment


class Remembered:
    """What waits, read once for all schedules of a moment; what was read last while nobody answers."""

    def __init__(self, read: Waiting, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Mapping[str, float] = {}
        self._read_at = float("-inf")

    def __call__(self) -> Mapping[str, float]:
        with self._lock:
            now = self._clock()
            if now - self._read_at > FRESH_SECONDS:
                self._read_at = now
                try:
                    self._known = self._read()
                except Exception as error:
                    _log.warning("what waits cannot be read, the last answer counts: %s", error)
            return self._known
