"""A forecast as the JSON document of `signalbox forecast --json`. Times are ISO 8601 in the chosen zone."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from scheduler_defs.forecasting.planning import Plan
from scheduler_defs.forecasting.simulation.model import ExpectedRun, Forecast, PileUp


@dataclass(frozen=True, slots=True)
class Course:
    """A plan, and how it is expected to go."""

    plan: Plan
    forecast: Forecast
    place: tzinfo | None
    """Zone of the times shown; None: this machine's."""
    _quarters: dict[int, tuple[str, int, str]] = field(default_factory=dict)

    def moment(self, seconds: int) -> datetime:
        """An instant of the forecast, in the chosen zone."""
        if self.place is None:
            return datetime.fromtimestamp(seconds, UTC).astimezone()
        return datetime.fromtimestamp(seconds, self.place)

    def iso(self, seconds: int) -> str:
        """An instant of the forecast, ISO 8601 with offset."""
        quarter, rest = divmod(seconds, 900)
        if quarter not in self._quarters:
            # Clocks change at quarters of an hour; a document has hundreds of thousands of instants.
            text = self.moment(quarter * 900).isoformat()
            self._quarters[quarter] = (text[:14], int(text[14:16]), text[19:])
        day_and_hour, minutes, offset = self._quarters[quarter]
        return f"{day_and_hour}{minutes + rest // 60:02}:{rest % 60:02}{offset}"

    def runs_by_schedule(self) -> dict[str, list[ExpectedRun]]:
        """The expected runs of each schedule that has any, by start."""
        found: defaultdict[str, list[ExpectedRun]] = defaultdict(list)
        for run in self.forecast.runs:
            found[run.schedule].append(run)
        return dict(found)


@dataclass(frozen=True, slots=True)
class Waits:
    """All pile-ups at one limit together."""

    limit: str
    pile_ups: int
    runs: int
    """How many runs wait."""
    schedules: Counter[str]
    worst: PileUp
    """The one with the longest wait."""


def waits(course: Course) -> list[Waits]:
    """The pile-ups by limit, the one with the longest wait first."""
    found: defaultdict[str, list[PileUp]] = defaultdict(list)
    for each in course.forecast.pileups:
        found[each.limit].append(each)
    summed: list[Waits] = []
    for limit, pileups in found.items():
        names = sum((each.schedules for each in pileups), Counter[str]())
        worst = max(pileups, key=lambda each: each.longest_wait_seconds)
        summed.append(Waits(limit, len(pileups), names.total(), names, worst))
    return sorted(summed, key=lambda each: (-each.worst.longest_wait_seconds, each.limit))


def document(course: Course) -> dict[str, Any]:
    """Everything: schedules, each run, limits, the course of concurrency, pile-ups."""
    forecast, iso = course.forecast, course.iso
    peak, peak_at = forecast.peaks.get("", (0, None))
    return {
        "from": iso(forecast.begin),
        "to": iso(forecast.end),
        "schedules": schedules(course),
        "left_out": [{"schedule": name, "reason": why} for name, why in course.plan.left_out.items()],
        "runs": [
            {
                "schedule": run.schedule,
                "due": iso(run.due),
                "start": iso(run.start),
                "end": iso(run.end),
                "wait_seconds": run.start - run.due,
            }
            for run in forecast.runs
        ],
        "limits": limits(course),
        "concurrency": {
            "peak": peak,
            "peak_at": None if peak_at is None else iso(peak_at),
            "step_seconds": forecast.step_seconds,
            "running": forecast.running,
            "waiting": forecast.waiting,
        },
        "pile_ups": pile_ups(course),
    }


def schedules(course: Course) -> list[dict[str, Any]]:
    """One row for each schedule that was played, in the files' order."""
    runs, forecast = course.runs_by_schedule(), course.forecast
    rows: list[dict[str, Any]] = []
    for planned in course.plan.planned:
        mine = runs.get(planned.name, [])
        rows.append(
            {
                "schedule": planned.name,
                "job": planned.job,
                "runs": len(mine),
                "skipped": forecast.skipped.get(planned.name, 0),
                "unstarted": forecast.unstarted.get(planned.name, 0),
                "expected_seconds": round(planned.duration.total_seconds(), 3),
                "expected_from": course.plan.sources[planned.name].value,
                "longest_wait_seconds": max((run.wait_seconds for run in mine), default=0),
                "limits": list(planned.limits),
            }
        )
    return rows


def limits(course: Course) -> list[dict[str, Any]]:
    """Each limit that concerns a schedule: its size, and the most runs at once against it."""
    peaks = course.forecast.peaks
    return [
        {
            "limit": name,
            "most": most,
            "peak": peaks[name][0] if name in peaks else 0,
            "peak_at": course.iso(peaks[name][1]) if name in peaks else None,
        }
        for name, most in course.plan.limits.items()
    ]


def pile_ups(course: Course) -> list[dict[str, Any]]:
    """Where runs wait, the longest wait first. `to` is null if it lasts beyond the window."""
    ordered = sorted(course.forecast.pileups, key=lambda each: (-each.longest_wait_seconds, each.begin))
    return [
        {
            "limit": each.limit,
            "from": course.iso(each.begin),
            "to": None if each.end is None else course.iso(each.end),
            "most_waiting": each.most_waiting,
            "longest_wait_seconds": each.longest_wait_seconds,
            "schedules": dict(each.schedules.most_common()),
        }
        for each in ordered
    ]
