"""At which instants Dagster ticks a schedule of ours (private Dagster API, contract-tested).

Dagster asks a schedule whenever its cron says so. A cron can say neither from when nor until when, nor seven
minutes, nor what is excluded, and not that an occurrence waits for its jitter, for a limit, or for a run that
was ordered and never made. So there would be ticks each minute for ever, nearly all of them for nothing. Here
the rule counts that the schedule's metadata hold, if they hold one, and in the daemon also the instant at
which something that waits wants to be looked at, and each minute from then on for as long as it does.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagster._core.remote_representation.external import RemoteSchedule

from scheduler_defs import tags
from scheduler_defs.declarations.normalising import restored
from scheduler_defs.timing.occurrences import policed_occurrences

NEVER = dt.datetime(2999, 1, 1, tzinfo=dt.UTC)
"""Dagster wants a next tick of every schedule; from here on are those that nobody will see."""

_JUST_BEFORE = dt.timedelta(microseconds=1)

MINUTE_SECONDS = 60.0

Waiting = Callable[[], Mapping[str, float]]
"""Since when something of a schedule wants to be looked at: seconds since the epoch by declared name."""


class Looking(threading.local):
    """The daemon's look that this thread is part of."""

    now: float | None = None
    """Its wall-clock time. Ticks for what waits are of then: what is paused is so by the tick's time."""


looking = Looking()

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
    _waiting = waiting


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
    return _with_waiting(due, since, start_timestamp)


def _since(schedule: RemoteSchedule) -> float | None:
    declared = _metadata(schedule, tags.DECLARED)
    return None if declared is None else _waiting().get(declared)


def rule_of(schedule: RemoteSchedule) -> Any:
    """The rule that the schedule's cron cannot say, as it is written; None for none."""
    return _metadata(schedule, tags.DUE)


def _with_waiting(due: Iterator[dt.datetime], since: float, start: float) -> Iterator[dt.datetime]:
    """What is due, and before that ticks for what waits: one that is due looks at what waits as well.

    They are whole seconds: Dagster goes on a second after a tick, and must not pass over a minute.
    """
    steps = max(0, math.ceil((start - since) / MINUTE_SECONDS))
    moment = math.ceil(since + steps * MINUTE_SECONDS)
    if looking.now is not None and moment <= looking.now:
        moment = math.floor(looking.now)
    first = next(due)
    while moment < first.timestamp():
        yield dt.datetime.fromtimestamp(moment, tz=dt.UTC)
        moment += 60
    yield first
    yield from due


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


def _days(day: dt.datetime) -> Iterator[dt.datetime]:
    while True:
        yield day
        day += dt.timedelta(days=1)
