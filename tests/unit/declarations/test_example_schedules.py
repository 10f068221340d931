"""The example yard's schedules as data, so that a change of a rule shows up in review."""

from __future__ import annotations

import datetime as dt
from itertools import islice

from scheduler_defs.declarations import load
from scheduler_defs.evaluation.cadence import cron_of
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.timing import occurrences

NOW = dt.datetime(2026, 3, 2, 8, 15, tzinfo=dt.UTC)
"""A Monday; the clocks of Chicago change on 8 March, those of Berlin on 29 March."""

SNAPSHOT = """
heartbeat: every, * * * * *
    2026-03-02T08:16+00:00
    2026-03-02T08:17+00:00
    2026-03-02T08:18+00:00
    2026-03-02T08:19+00:00
    2026-03-02T08:20+00:00
triage-every-10: every, */10 * * * *
    2026-03-02T08:20+00:00
    2026-03-02T08:30+00:00
    2026-03-02T08:40+00:00
    2026-03-02T08:50+00:00
    2026-03-02T09:00+00:00
service-map-hourly: cron, 5 * * * *
    2026-03-02T09:05+00:00
    2026-03-02T10:05+00:00
    2026-03-02T11:05+00:00
    2026-03-02T12:05+00:00
    2026-03-02T13:05+00:00
gpu-twice-an-hour: cron, 15 * * * * | 45 * * * *
    2026-03-02T08:45+00:00
    2026-03-02T09:15+00:00
    2026-03-02T09:45+00:00
    2026-03-02T10:15+00:00
    2026-03-02T10:45+00:00
nightly-review: cron, 0 2 * * *
    2026-03-03T02:00+00:00
    2026-03-04T02:00+00:00
    2026-03-05T02:00+00:00
    2026-03-06T02:00+00:00
    2026-03-07T02:00+00:00
nightly-census: cron, 30 22 * * 1,2,3,4,5
    2026-03-02T22:30-06:00
    2026-03-03T22:30-06:00
    2026-03-04T22:30-06:00
    2026-03-05T22:30-06:00
    2026-03-06T22:30-06:00
first-monday-report: rrule, 0 9 * * 1#1
    2026-04-06T09:00+02:00
    2026-05-04T09:00+02:00
    2026-06-01T09:00+02:00
    2026-07-06T09:00+02:00
    2026-08-03T09:00+02:00
disk-almost-full: conditional, */5 * * * *
    2026-03-02T08:20+00:00
    2026-03-02T08:25+00:00
    2026-03-02T08:30+00:00
    2026-03-02T08:35+00:00
    2026-03-02T08:40+00:00
turn-of-the-century: at, 59 23 31 12 *
    2099-12-31T23:59+00:00
quarter-end: every, 0 0 1 1,4,7,10 *
    2026-04-01T00:00+00:00
    2026-07-01T00:00+00:00
    2026-10-01T00:00+00:00
    2027-01-01T00:00+00:00
    2027-04-01T00:00+00:00
"""


def test_given_the_example_yard_then_kind_cron_and_next_five_are_those_of_the_snapshot() -> None:
    found: list[str] = []
    for schedule in load(PROJECT_ROOT / "config").declarations.schedules.values():
        cron = cron_of(schedule)
        found.append(
            f"{schedule.name}: {schedule.kind}, {cron if isinstance(cron, str) else ' | '.join(cron)}"
        )
        coming = islice(occurrences(schedule.timing, NOW, schedule.policies), 5)
        found += [f"    {due.isoformat(timespec='minutes')}" for due in coming]
    assert "\n".join(found) == SNAPSHOT.strip()
