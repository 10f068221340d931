"""Which schedules want looking at. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from statistics import median

from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.timing import format_duration
from scheduler_defs.upkeep.review.model import Finding, Found, Past, Thresholds


def review(
    schedules: Mapping[str, Schedule],
    past: Mapping[str, Past],
    orphans: Collection[str],
    limits: Thresholds,
    now: dt.datetime,
) -> list[Found]:
    """All findings, by schedule. `orphans`: names in Dagster that are on and not declared."""
    found = [
        Found(name, Finding.ORPHANED, "it is switched on in Dagster, and not declared")
        for name in sorted(orphans)
    ]
    for name, schedule in sorted(schedules.items()):
        for finding, detail in _of_one(schedule, past.get(name, Past()), limits, now):
            found.append(Found(name, finding, detail, schedule.owner))
    return found


def _of_one(
    schedule: Schedule, past: Past, limits: Thresholds, now: dt.datetime
) -> Iterator[tuple[Finding, str]]:
    newest = past.statuses[: limits.failed_in_a_row]
    if len(newest) == limits.failed_in_a_row and set(newest) == {"FAILURE"}:
        yield Finding.FAILING, f"its last {len(newest)} runs have failed"
    if past.paused_since is not None and now - past.paused_since > dt.timedelta(days=limits.paused_days):
        yield Finding.IGNORED, f"paused since {_day(past.paused_since)}"
    if past.runs >= limits.runs_without_success and past.succeeded == 0:
        yield Finding.NEVER_SUCCEEDED, f"{past.runs} runs, none of which went well"
    if past.off_since is not None and now - past.off_since > dt.timedelta(days=limits.disabled_days):
        yield Finding.DISABLED_TOO_LONG, f"off since {_day(past.off_since)}"
    yield from _pace(past, limits)
    if not schedule.owner:
        yield Finding.NOT_OWNED, "it has no owner"
    since = past.checked_since
    if (
        schedule.when is not None
        and past.runs == 0
        and since is not None
        and past.checks >= limits.condition_checks
        and now - since > dt.timedelta(days=limits.condition_days)
    ):
        yield Finding.CONDITION_NEVER_HELD, f"{past.checks} looks since {_day(since)} have started nothing"


def _pace(past: Past, limits: Thresholds) -> Iterator[tuple[Finding, str]]:
    newest, earlier = past.durations[: limits.newest_runs], past.durations[limits.newest_runs :]
    if len(newest) < limits.newest_runs or len(earlier) < limits.earlier_runs:
        return
    now, usual = median(newest), median(earlier)
    text = f"its last {len(newest)} runs took {_span(now)}, those before {_span(usual)} (medians)"
    if now > usual * limits.slower_factor and now - usual >= limits.slower_seconds:
        yield Finding.SLOWER, text
    elif usual >= limits.usual_seconds and now * limits.faster_factor < usual:
        yield Finding.FASTER, text


def _span(seconds: float) -> str:
    return format_duration(dt.timedelta(seconds=round(seconds))) if seconds >= 1 else f"{seconds:.2f}s"


def _day(at: dt.datetime) -> str:
    return at.date().isoformat()
