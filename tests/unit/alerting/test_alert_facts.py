"""Events from runs and ticks, and the position that has been read to."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from scheduler_defs.alerting.events import position as reading
from scheduler_defs.alerting.events.facts import Gathering, Names, is_final, one_line
from scheduler_defs.alerting.events.position import MARGIN, Position, new_rows, unfinished_after
from scheduler_defs.alerting.rules.model import Kind
from scheduler_defs.execution.lookups.alert_facts import SeenRun, SeenTick
from scheduler_defs.ledger.lines import LeftOut
from scheduler_defs.ledger.reasons import Collapsed, Late, Missed, NotCaughtUp, Reason

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
NAMES = Names(
    {"ni_ghtly": "ni-ghtly"}, {"my_job": "my-job"}, {"ni-ghtly": "my-job"}, {"agent_queue_dev": "dev"}
)


def gathering(*thresholds: dt.timedelta, position: Position | None = None) -> Gathering:
    return Gathering(position or Position.beginning(NOW, 0), NAMES, thresholds)


def tick(name: str, *, failed: bool = False, of_schedule: bool = True) -> SeenTick:
    return SeenTick(1, "s", of_schedule, True, failed, NOW, name, "why" if failed else "")


def run(*, failed: bool = True, began: dt.datetime = NOW, **run_tags: str) -> SeenRun:
    given = {f"signalbox/{key}": value for key, value in run_tags.items()}
    return SeenRun("r1", "my_job", failed, began, began + MINUTE, began + MINUTE, given)


def left(due: dt.datetime, reason: Reason) -> LeftOut:
    return LeftOut("ni-ghtly", due, NOW, NOW, reason)


@pytest.mark.parametrize(
    ("reasons", "text"),
    [
        ([NotCaughtUp("none")] * 3, "3 missed, not caught up with (catch_up: none)"),
        ([Collapsed(NOW)] * 2, "2 missed, collapsed into the latest"),
        (
            [Collapsed(NOW), Missed(900, 0, 0, "latest", NOW, True)],
            "900 or more missed, collapsed into the latest",
        ),
        (
            [Missed(0, 7, 2, "all", NOW), *[NotCaughtUp("all")] * 7],
            "7 missed, not caught up with (catch_up: all)",
        ),
        ([Missed(0, 0, 5, "all", NOW)], None),
    ],
)
def test_given_what_a_tick_has_left_out_then_it_is_one_event(reasons: list[Reason], text: str | None) -> None:
    found = gathering()
    found.left_out([left(NOW - n * MINUTE, reason) for n, reason in enumerate(reasons)])
    told = [(each.kind, each.schedule, each.job, each.text) for each in found.events]
    assert told == ([(Kind.MISSED, "ni-ghtly", "my-job", text)] if text else [])
    again = gathering(position=found.position.having_counted(found.counted))
    again.left_out([left(NOW - n * MINUTE, reason) for n, reason in enumerate(reasons)])
    assert again.events == []


def test_given_an_occurrence_beyond_its_grace_then_it_is_late_for_every_threshold() -> None:
    found = gathering(MINUTE, 5 * MINUTE)
    found.left_out([left(NOW, Late(5 * MINUTE, MINUTE))])
    assert [(each.kind, each.threshold) for each in found.events] == [
        (Kind.LATE, MINUTE),
        (Kind.LATE, 5 * MINUTE),
    ]
    assert "5m late, allowed are 1m" in found.events[0].text


def test_given_a_sensor_of_a_queue_when_its_tick_fails_then_the_event_has_the_queue() -> None:
    found = gathering()
    found.ticks([tick("agent_queue_dev", failed=True, of_schedule=False)])
    (event,) = found.events
    assert (event.subject, event.queue, event.schedule) == ("sensor agent_queue_dev", "dev", None)


def test_given_ticks_of_which_the_name_is_not_read_when_they_end_a_failure_then_it_is_remembered() -> None:
    position = replace(Position.beginning(NOW, 0), failing={"s": "ni_ghtly"})
    found = gathering(position=position)
    found.ticks([replace(tick("ni_ghtly"), name=None), replace(tick("x"), name=None, selector="other")])
    (event,) = found.events
    assert event.good and event.subject == "schedule ni-ghtly"
    assert found.failing == {}


def test_given_a_run_of_an_occurrence_when_it_began_late_then_it_is_late_only_for_smaller_thresholds() -> (
    None
):
    found = gathering(MINUTE, 10 * MINUTE)
    due = (NOW - 5 * MINUTE).isoformat()
    found.ended([run(failed=False, schedule="a", scheduled_for=due, trigger="schedule")])
    late = [(each.threshold, each.good) for each in found.events if each.kind is Kind.LATE]
    assert late == [(MINUTE, False), (10 * MINUTE, True)]


@pytest.mark.parametrize("trigger", ["retry", "run_now"])
def test_given_a_run_that_no_schedule_launched_when_it_began_later_then_it_is_not_late(trigger: str) -> None:
    found = gathering(MINUTE)
    found.ended([run(schedule="a", scheduled_for=(NOW - 5 * MINUTE).isoformat(), trigger=trigger)])
    assert Kind.LATE not in {each.kind for each in found.events}


def test_given_a_tag_that_is_no_instant_when_read_then_it_is_passed_over() -> None:
    found = gathering(MINUTE)
    found.ended([run(schedule="a", scheduled_for="soon", trigger="schedule")])
    assert [each.kind for each in found.events] == [Kind.RUN_FAILED]


@pytest.mark.parametrize(
    ("run_tags", "final"),
    [
        ({}, True),
        ({"retry_at": "2026-03-02T12:00:00.000+00:00"}, False),
        ({"retry_at": "cancelled"}, True),
        ({"task": "7", "attempt": "1", "max_attempts": "3"}, False),
        ({"task": "7", "attempt": "3", "max_attempts": "3"}, True),
    ],
)
def test_given_a_failed_run_when_another_attempt_follows_then_it_is_not_final(
    run_tags: dict[str, str], final: bool
) -> None:
    assert is_final({f"signalbox/{key}": value for key, value in run_tags.items()}) is final


def test_given_the_same_run_when_read_twice_then_it_counts_once() -> None:
    first = gathering()
    first.ended([run(), run()])
    assert len(first.events) == 1
    again = gathering(position=first.position.having_counted(first.counted))
    again.ended([run()])
    assert again.events == []


def test_given_what_was_counted_when_it_is_not_read_again_then_it_is_forgotten() -> None:
    position = Position.beginning(NOW, 0)
    old, young = NOW - 3 * MARGIN, NOW - MARGIN
    assert position.having_counted({"old": old, "young": young}).counted == {"young": young}


def test_given_more_rows_than_one_statement_gives_when_reading_then_all_are_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "ROWS", 3)
    rows = [NOW - MARGIN + number * MINUTE / 10 for number in range(1, 11)]

    def read(since: dt.datetime) -> list[dt.datetime]:
        return [row for row in rows if row > since][:3]

    assert new_rows(read, lambda row: row, NOW, NOW - 2 * MARGIN, NOW) == (rows, NOW)
    found, position = new_rows(read, lambda row: row, NOW, NOW, NOW)
    assert (found, position) == ([], NOW), "not before it began"


def test_given_far_more_rows_than_one_look_takes_when_reading_then_the_next_goes_on_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "ROWS", 2)
    monkeypatch.setattr(reading, "_BATCHES", 2)
    rows = [NOW - MARGIN + number * MINUTE / 10 for number in range(1, 11)]

    def read(since: dt.datetime) -> list[dt.datetime]:
        return [row for row in rows if row > since][:2]

    read_so_far: list[dt.datetime] = []
    position = NOW
    for _ in range(3):
        found, position = new_rows(read, lambda row: row, position, NOW - 2 * MARGIN, NOW)
        read_so_far += found
    assert read_so_far == rows


def test_given_ticks_with_gaps_when_later_ones_are_read_then_the_missing_are_looked_for_a_minute() -> None:
    position = Position.beginning(NOW, 10)
    newest, waiting = unfinished_after(position, {11: True, 13: False, 14: True}, NOW)
    assert (newest, waiting) == (14, {12: NOW, 13: NOW})
    position = replace(position, tick=newest, unfinished=waiting)
    _, waiting = unfinished_after(position, {13: False}, NOW + 2 * MINUTE)
    assert waiting == {13: NOW}, "what was never written is given up"
    _, waiting = unfinished_after(position, {12: True, 13: True}, NOW + MINUTE / 2)
    assert waiting == {}


def test_given_a_text_of_many_lines_with_a_secret_when_told_then_it_is_one_short_line_without() -> None:
    said = one_line("a\n  b token=abc123def " + "x" * 1000)
    assert said.startswith("a b token=[redacted] xxx")
    assert len(said) == 500
