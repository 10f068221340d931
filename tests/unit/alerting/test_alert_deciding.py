"""Counting, throttling and recovery, with an injected clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from scheduler_defs.alerting.rules.deciding import FORGOTTEN_AFTER, Decision, Key, decide
from scheduler_defs.alerting.rules.model import Event, Kind, State, Streak, Watch
from scheduler_defs.alerting.rules.watches import Watches

START = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
WATCH = Watch("rule", Kind.RUN_FAILED, ("ops",), throttle=60 * MINUTE)


class Clock:
    """Decides again and again, remembering what the last time has left."""

    def __init__(self, *watches: Watch) -> None:
        self.watches = Watches(watches, {})
        self.streaks: dict[Key, Streak] = {}

    def at(self, minute: float, *outcomes: str, subject: str = "schedule a") -> list[str]:
        """What is told at this minute, after runs that went `good` or `bad`."""
        now = START + minute * MINUTE
        events = [
            Event(
                Kind.RUN_FAILED,
                subject,
                now + position * dt.timedelta(seconds=1),
                good=outcome == "good",
                schedule="a",
            )
            for position, outcome in enumerate(outcomes)
        ]
        return [alert.text for alert in self.decide(events, now).alerts]

    def decide(self, events: list[Event], now: dt.datetime) -> Decision:
        decided = decide(self.watches, events, self.streaks, now)
        self.streaks = dict(decided.streaks)
        return decided


def test_given_one_failure_when_decided_then_it_is_told_at_once() -> None:
    assert Clock(WATCH).at(0, "bad") == ["schedule a: run failed"]


def test_given_after_three_when_a_success_lies_between_then_it_is_not_in_a_row() -> None:
    clock = Clock(replace(WATCH, after=3))
    assert clock.at(0, "bad", "bad", "good", "bad", "bad") == []
    assert clock.at(1, "bad") == ["schedule a: run failed (3 in a row)"]


def test_given_subjects_when_each_fails_then_each_is_counted_and_throttled_by_itself() -> None:
    clock = Clock(replace(WATCH, after=2))
    assert clock.at(0, "bad", subject="schedule a") == []
    assert clock.at(0, "bad", subject="schedule b") == []
    assert clock.at(1, "bad", subject="schedule b") == ["schedule b: run failed (2 in a row)"]


def test_given_a_throttle_when_failures_go_on_then_they_are_told_together_when_it_ends() -> None:
    clock = Clock(WATCH)
    assert len(clock.at(0, "bad")) == 1
    assert [clock.at(minute, "bad") for minute in (1, 30, 59)] == [[], [], []]
    assert clock.at(59.9) == []
    assert clock.at(60) == ["schedule a: run failed (4 in a row, 2 not told before)"]
    assert clock.at(61) == []


def test_given_a_throttle_when_all_is_well_before_it_ends_then_nothing_more_is_told() -> None:
    clock = Clock(WATCH)
    clock.at(0, "bad")
    clock.at(1, "bad")
    assert clock.at(2, "good") == []
    assert clock.at(60) == []


def test_given_no_throttle_when_failures_go_on_then_each_is_told() -> None:
    clock = Clock(replace(WATCH, throttle=dt.timedelta(0)))
    assert clock.at(0, "bad", "bad") == ["schedule a: run failed", "schedule a: run failed (2 in a row)"]


def test_given_recovery_when_it_was_told_then_the_next_failure_is_told_at_once() -> None:
    clock = Clock(replace(WATCH, recovery=True))
    assert clock.at(0, "bad") == ["schedule a: run failed"]
    assert clock.at(1, "good") == ["schedule a: well again after a failure"]
    assert clock.at(2, "good") == []
    assert clock.at(3, "bad") == ["schedule a: run failed"]
    assert clock.at(4, "bad") == [], "within the throttle of what was told at 3"
    assert clock.at(5, "good") == ["schedule a: well again after 2 failures"]


def test_given_a_success_that_ended_before_the_failure_when_read_later_then_it_ends_nothing() -> None:
    clock = Clock(replace(WATCH, recovery=True))
    clock.at(10, "bad")
    assert clock.at(9, "good") == []
    assert clock.streaks


def test_given_one_batch_when_events_are_out_of_order_then_they_are_counted_by_their_time() -> None:
    clock = Clock(WATCH)
    bad = Event(Kind.RUN_FAILED, "schedule a", START)
    good = replace(bad, at=START + MINUTE, good=True)
    assert [alert.state for alert in clock.decide([good, bad], START + 2 * MINUTE).alerts] == [State.FAILING]
    assert all(streak.count == 0 for streak in clock.streaks.values())


@pytest.mark.parametrize(
    ("globs", "fits"),
    [
        ({"schedules": ("night*",)}, True),
        ({"schedules": ("day*", "nightly")}, True),
        ({"schedules": ("day*",)}, False),
        ({"schedules": ("night*",), "jobs": ("other",)}, False),
        ({"jobs": ("line",)}, True),
        ({"queues": ("*",)}, False),
        ({}, True),
    ],
)
def test_given_globs_when_an_event_comes_then_all_that_are_given_must_fit(
    globs: dict[str, tuple[str, ...]], fits: bool
) -> None:
    event = Event(Kind.RUN_FAILED, "schedule nightly", START, schedule="nightly", job="line")
    assert Watch("r", Kind.RUN_FAILED, ("ops",), **globs).covers(event) is fits


def test_given_two_rules_when_both_cover_an_event_then_a_channel_hears_it_once() -> None:
    clock = Clock(WATCH, Watch("other", Kind.RUN_FAILED, ("ops", "mail")))
    decided = clock.decide([Event(Kind.RUN_FAILED, "schedule a", START)], START)
    assert [(alert.rule, alert.channels) for alert in decided.alerts] == [
        ("rule", ("ops",)),
        ("other", ("mail",)),
    ]


def test_given_a_lost_worker_with_many_runs_when_the_throttle_ends_then_it_is_not_told_again() -> None:
    clock = Clock(Watch("lost", Kind.WORKER_LOST, ("ops",)))
    lost = [Event(Kind.WORKER_LOST, "worker w", START, run_id=f"r{number}") for number in range(3)]
    assert len(clock.decide(lost, START).alerts) == 1
    assert clock.at(61) == []


def test_given_a_rule_that_is_gone_when_decided_then_it_is_forgotten() -> None:
    clock = Clock(WATCH)
    clock.at(0, "bad")
    clock.watches = Watches([], {})
    clock.at(1)
    assert clock.streaks == {}


def test_given_streaks_when_nothing_follows_for_long_then_they_are_forgotten() -> None:
    clock = Clock(WATCH, Watch("lost", Kind.WORKER_LOST, ("ops",)))
    clock.at(0, "bad")
    clock.decide([Event(Kind.WORKER_LOST, "worker w", START)], START)
    clock.at(2 * 24 * 60)
    assert [key[0] for key in clock.streaks] == ["rule"], "a worker that is gone does not come back"
    clock.at(FORGOTTEN_AFTER / MINUTE)
    assert clock.streaks == {}


def test_given_a_well_subject_when_the_throttle_has_ended_then_it_is_forgotten() -> None:
    clock = Clock(WATCH)
    clock.at(0, "bad")
    clock.at(1, "good")
    assert len(clock.streaks) == 1
    clock.at(60)
    assert clock.streaks == {}


def test_given_an_alert_when_written_as_json_then_its_run_is_a_link() -> None:
    event = Event(Kind.RUN_FAILED, "schedule a", START, text="exit code 3", schedule="a", run_id="r1")
    (alert,) = Clock(WATCH).decide([event], START).alerts
    document = alert.document("http://ui/")
    assert document["url"] == "http://ui/runs/r1"
    assert document["text"] == "schedule a: run failed: exit code 3"
    assert (document["state"], document["on"], document["count"]) == ("failing", "run_failed", 1)
    assert document["since"] == document["at"] == "2026-03-02T12:00:00+00:00"
    assert alert.document(None)["url"] is None
