"""What `schedules history` says of runs, skipped, late, deferred and failed occurrences."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from scheduler_defs.declarations.models.declared import Position, Schedule
from scheduler_defs.graphql.history import occurrence_rows
from scheduler_defs.ledger.entries import Outcome
from scheduler_defs.ledger.lines import Line
from scheduler_defs.ledger.reasons import ConditionError, Late, Limit, Missed, Overlap, Reason, Waited
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
)


def at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 3, 2, hour, minute, tzinfo=dt.UTC)


def line(when: dt.datetime, outcome: Outcome, reason: Reason | None = None, **more: Any) -> Line:
    known = {"run_id": None, "status": None, "attempts": 0, "decided_at": when, **more}
    return Line(when, outcome, reason, **known)


def run(due: dt.datetime | None, **more: Any) -> dict[str, Any]:
    shown = {"run_id": "r", "status": "SUCCESS", "trigger": "schedule", "attempt": 1, "reason": None}
    times = {"created": at(9).isoformat(), "started": None, "ended": None, "failure": None, "error": None}
    return {"scheduled_for": due and due.isoformat(), **shown, **times, **more}


def shown(runs: list[dict[str, Any]], lines: list[Line]) -> list[tuple[str, str, str | None]]:
    return [
        (
            f"{dt.datetime.fromisoformat(row['scheduled_for']).astimezone(dt.UTC):%H:%M}",
            row["outcome"],
            row["reason"],
        )
        for row in occurrence_rows(HOURLY, runs, lines)
    ]


@pytest.mark.parametrize(
    ("outcome", "reason", "expected"),
    [
        (
            Outcome.SKIPPED,
            Overlap("r1", at(9).isoformat(), "running", "skip"),
            ("skipped", "the run of 2026-03-02T09:00:00+00:00 is still running (overlap: skip)"),
        ),
        (
            Outcome.DEFERRED,
            Limit("max_global", 4, 3),
            ("skipped", "4 of 3 runs are active (max_global); starts when there is room"),
        ),
        (
            Outcome.MISFIRED,
            Late(dt.timedelta(minutes=6), dt.timedelta(minutes=5)),
            ("missed", "2026-03-02T10:00+00:00 is 6m late, allowed are 5m"),
        ),
    ],
)
def test_given_an_occurrence_that_did_not_run_then_its_line_says_why(
    outcome: Outcome, reason: Reason, expected: tuple[str, str]
) -> None:
    assert shown([], [line(at(10), outcome, reason)]) == [("10:00", *expected)]


def test_given_a_run_that_is_there_then_only_it_is_shown_with_what_its_line_adds() -> None:
    waited = line(at(10), Outcome.LAUNCHED, Waited(dt.timedelta(minutes=3, seconds=5), "jitter"), run_id="r")
    assert shown([run(at(10))], [waited]) == [("10:00", "run", "waited 3m5s (jitter)")]
    stands_for = line(at(14), Outcome.LAUNCHED, Missed(4, 0, 0, "latest", at(10)), run_id="r")
    assert shown([run(at(14))], [stands_for]) == [("14:00", "run", "4 missed collapsed into the latest")]


@pytest.mark.case("recovery-F13.7")
def test_given_a_run_that_was_deleted_then_its_occurrence_keeps_its_line() -> None:
    gone = line(at(10), Outcome.LAUNCHED, run_id="gone", status="FAILURE", attempts=3, deleted=True)
    (row,) = occurrence_rows(HOURLY, [run(at(11))], [gone])[1:]
    assert (row["outcome"], row["run_id"], row["status"], row["attempt"]) == ("run", "gone", "FAILURE", 3)
    assert row["reason"] == "the run was deleted; it had 3 attempts"


@pytest.mark.case("attack-X-history-cause")
@pytest.mark.case("recovery-X-tick-error")
def test_given_a_condition_that_could_not_be_looked_at_then_the_cause_is_told() -> None:
    reason = ConditionError("http.status: no answer: Connection refused", 1)
    (row,) = occurrence_rows(HOURLY, [], [line(at(10), Outcome.MISSED, reason)])
    assert row["outcome"] == "missed"
    assert row["error"].startswith("http.status: no answer: Connection refused")
