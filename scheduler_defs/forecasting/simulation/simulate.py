"""What a yard is going to do: expected starts, concurrency against limits, and where runs will pile up.

A simulation of the declared rules with known durations. Times inside are whole seconds since 1970 (UTC):
a week of a thousand schedules is a million runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from scheduler_defs.forecasting.simulation.model import Forecast, Planned
from scheduler_defs.forecasting.simulation.yard import Yard
from scheduler_defs.timing.instants import MINUTE, utc
from scheduler_defs.timing.occurrences import policed_occurrences
from scheduler_defs.timing.policies import jitter_delay


def forecast(
    planned: Sequence[Planned],
    limits: Mapping[str, int],
    begin: datetime,
    end: datetime,
    step: timedelta = timedelta(minutes=15),
) -> Forecast:
    """Play the window from `begin` (included) to `end` (excluded) through, starting with nothing running.

    `limits` gives the most runs at once by name; a name that is missing limits nothing. Raises ValueError for
    an empty window.
    """
    first, last = int(utc(begin).timestamp()), int(utc(end).timestamp())
    if last <= first:
        raise ValueError(f"forecast: the window ends ({end}) before it begins ({begin})")
    ordered = sorted(planned, key=lambda each: (-each.priority, each.name))
    yard = Yard(ordered, limits, first, last, int(step.total_seconds()))
    count = len(ordered)
    dues: list[int] = []
    for index, each in enumerate(ordered):
        dues.extend(due * count + index for due in _dues(each, first, last))
    dues.sort()
    for encoded in dues:
        due, index = divmod(encoded, count)
        yard.pass_time(due)
        yard.arrive(index, due)
    yard.pass_time(last)
    return yard.result(last)


def _dues(planned: Planned, first: int, last: int) -> list[int]:
    """Seconds at which runs of the schedule become due in the window, jitter included."""
    policies = planned.policies
    begin = datetime.fromtimestamp(first, UTC) - MINUTE - policies.jitter
    dues: list[int] = []
    bounded = policies.start or policies.end or policies.exclude or policies.windows
    for occurrence in policed_occurrences(planned.spec, begin, policies if bounded else None):
        due = int(occurrence.timestamp())
        if due >= last:
            break
        if policies.jitter:
            delay = int(jitter_delay(planned.name, occurrence, policies.jitter).total_seconds())
            due += delay
        if first <= due < last:
            dues.append(due)
    return dues
