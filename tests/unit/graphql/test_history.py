"""What `schedules history` says of runs, skipped, late, deferred and failed occurrences."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.declarations.models import Position, Schedule
from scheduler_defs.graphql.history import occurrence_rows
from scheduler_defs.timing import CronSpec, Policies

HOURLY = Schedule(
    name="hourly",
    job="report",
    timing=CronSpec(("0 * * * *",), "UTC"),
    kind="cron",
    spec="0 * * * *",
    timezone="UTC",
    source=Position(file="config/schedules.yaml", line=1, column=1),
    policies=Policies(),
    max_global=3,
)
FULL = "3 of 3 runs are active (max_global); looked at again in a minute"


def at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 3, 2, hour, minute, tzinfo=dt.UTC)


def tick(when: dt.datetime, reason: str | None, status: str = "SKIPPED", **more: Any) -> dict[str, Any]:
    return {"timestamp": when.timestamp(), "status": status, "skipReason": reason, "error": None, **more}


def run(due: dt.datetime | None, **more: Any) -> dict[str, Any]:
    shown = {"run_id": "r", "status": "SUCCESS", "trigger": "schedule", "attempt": 1, "reason": None}
    times = {"created": at(9).isoformat(), "started": None, "ended": None, "failure": None, "error": None}
    return {"scheduled_for": due and due.isoformat(), **shown, **times, **more}


def shown(runs: list[dict[str, Any]], ticks: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    rows = occurrence_rows(HOURLY, runs, ticks)
    return [
        (
            f"{dt.datetime.fromisoformat(row['scheduled_for']).astimezone(dt.UTC):%H:%M}",
            row["outcome"],
            row["reason"],
        )
        for row in rows
    ]


def test_given_a_tick_with_a_reason_then_its_occurrence_is_skipped_with_it() -> None:
    found = shown(
        [], [tick(at(10, 30), "not due; next at 11:00"), tick(at(10), "paused until resumed by ops")]
    )
    assert found == [("10:00", "skipped", "paused until resumed by ops")]


def test_given_an_occurrence_that_waited_and_ran_then_only_the_run_is_shown() -> None:
    assert shown([run(at(10))], [tick(at(10, 1), FULL), tick(at(10), FULL)]) == [("10:00", "run", None)]


def test_given_an_occurrence_that_still_waits_then_the_last_look_is_shown_once() -> None:
    last = FULL.replace("3 of 3", "4 of 3")
    assert shown([], [tick(at(10, 2), last), tick(at(10, 1), FULL), tick(at(10), FULL)]) == [
        ("10:00", "skipped", last)
    ]


def test_given_an_occurrence_that_waited_too_long_then_it_is_missed_with_its_lateness() -> None:
    late = "2026-03-02T10:00+00:00 is 6m late, allowed are 5m"
    assert shown([], [tick(at(10, 6), late), tick(at(10), FULL)]) == [("10:00", "missed", late)]


def test_given_a_run_that_stands_for_missed_ones_then_it_says_how_many() -> None:
    reason = "4 missed collapsed into the latest"
    assert shown([run(at(14), reason=reason)], []) == [("14:00", "run", reason)]


def test_given_a_failed_tick_then_it_is_missed_with_the_first_line_of_the_error() -> None:
    failed = tick(at(10), None, "FAILURE", error={"message": "no database\nTraceback"})
    (row,) = occurrence_rows(HOURLY, [], [failed])
    assert (row["outcome"], row["error"]) == ("missed", "no database")


def test_given_pauses_between_occurrences_then_they_do_not_hide_why_one_was_skipped() -> None:
    skipped = "run 1234 is still running (overlap: skip)"
    found = shown([], [tick(at(10, 30), "paused until resumed by ops"), tick(at(10), skipped)])
    assert found == [("10:00", "skipped", skipped)]
