"""At which instants Dagster ticks a schedule of ours (private Dagster API, contract-tested).

Dagster asks a schedule whenever its cron says so. A cron can say neither from when nor until when, nor seven
minutes, nor what is excluded, and not that an occurrence waits for its jitter, for a limit, or for a run that
was ordered and never made. So there would be ticks each minute for ever, nearly all of them for nothing. Here
the rule counts that the schedule's metadata hold, if they hold one, and in the daemon also each minute from
the one on in which something waits.
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
from scheduler_defs.declarations.normalising import restored
from scheduler_defs.timing.occurrences import policed_occurrences

NEVER = dt.datetime(2999, 1, 1, tzinfo=dt.UTC)
"""Dagster wants a next tick of every schedule; from here on are those that nobody will see."""

FRESH_SECONDS = 2.0
_JUST_BEFORE = dt.timedelta(microseconds=1)

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
    due = _due(self, start_timestamp)
    since = _since(self)
    if since is None:
        return due
    return _distinct(heapq.merge(due, _minutes(max(since, start_timestamp))))


def _since(schedule: RemoteSchedule) -> float | None:
    declared = _metadata(schedule, tags.DECLARED)
    return None if declared is None else _waiting().get(declared)


def rule_of(schedule: RemoteSchedule) -> Any:
    """The rule that the schedule's cron cannot say, as it is written; None for none."""
    return _metadata(schedule, tags.DUE)


def _due(schedule: RemoteSchedule, start: float) -> Iterator[dt.datetime]:
    written = rule_of(schedule)
    try:
        rule = None if written is None else restored(written)
    except (LookupError, TypeError, ValueError) as error:
        _log.warning("schedule %s ticks by its cron, its rule is not understood: %s", schedule.name, error)
        rule = None
    if rule is None:
        yield from _of_cron(schedule, start, True)
        return
    begin = dt.datetime.fromtimestamp(start, tz=dt.UTC)
    coming = policed_occurrences(rule.timing, begin - _JUST_BEFORE, rule.policies)
    try:
        while (moment := next(coming)) < NEVER:
            yield moment
            start = moment.timestamp() + 1
    except StopIteration as end:
        if end.value:  # so many are excluded that nobody has looked further
            yield from _of_cron(schedule, start, True)
    yield from _days(max(NEVER, begin))


def _metadata(schedule: RemoteSchedule, name: str) -> Any:
    return getattr(schedule.metadata.get(name), "value", None)


def _minutes(start: float) -> Iterator[dt.datetime]:
    minute = math.ceil(start / 60) * 60
    while True:
        yield dt.datetime.fromtimestamp(minute, tz=dt.UTC)
        minute += 60


def _days(day: dt.datetime) -> Iterator[dt.datetime]:
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
