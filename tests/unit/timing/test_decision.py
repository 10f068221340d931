"""What a tick does: run, catch up, collapse, refuse; and it says so."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs.timing import (
    CatchUp,
    CronSpec,
    EverySpec,
    ExcludedDates,
    Policies,
    TickDecision,
    decide,
)

TENS = EverySpec.parse("10m")
DAY = "2026-01-01T"


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"{DAY}{clock}+00:00")


def ran(decision: TickDecision) -> list[str]:
    return [each.strftime("%H:%M") for each in decision.run]


def test_given_a_tick_in_time_then_its_occurrence_runs_and_nothing_needs_saying() -> None:
    decision = decide(TENS, Policies(), at("10:10"), at("10:10:02"), last=at("10:00"))
    assert (ran(decision), decision.reason) == (["10:10"], "")
    assert decision.handled == at("10:10")


def test_given_a_tick_between_occurrences_then_the_reason_names_the_next() -> None:
    decision = decide(TENS, Policies(), at("10:05"), at("10:05:01"), last=at("10:00"))
    assert (ran(decision), decision.reason) == ([], "not due; next at 2026-01-01T10:10+00:00")


def test_given_nothing_is_left_then_the_reason_says_so() -> None:
    over = Policies(end=at("10:00"))
    assert decide(TENS, over, at("10:05"), at("10:05")).reason == "not due; nothing more is"


def test_given_an_excluded_tick_then_the_reason_is_the_exclusion() -> None:
    day = at("00:00").date()
    decision = decide(TENS, Policies(exclude=(ExcludedDates(day, day),)), at("10:10"), at("10:10"))
    assert (ran(decision), decision.reason) == ([], "excluded: 2026-01-01")


def test_given_an_outage_over_five_occurrences_then_the_latest_runs_and_the_others_are_collapsed() -> None:
    decision = decide(TENS, Policies(), at("10:50"), at("10:57"), last=at("10:00"))
    assert ran(decision) == ["10:50"]
    assert decision.collapsed == 4
    assert decision.reason == "4 missed collapsed into the latest"


def test_given_an_outage_when_all_are_wanted_then_they_run_oldest_first() -> None:
    decision = decide(TENS, Policies(catch_up=CatchUp.ALL), at("10:50"), at("10:57"), last=at("10:00"))
    assert ran(decision) == ["10:10", "10:20", "10:30", "10:40", "10:50"]
    assert decision.reason == "4 missed caught up with"


def test_given_an_outage_longer_than_the_window_then_only_its_occurrences_run() -> None:
    policies = Policies(catch_up=CatchUp.ALL, catch_up_window=timedelta(minutes=30))
    decision = decide(TENS, policies, at("10:50"), at("10:57"), last=at("09:00"))
    assert ran(decision) == ["10:30", "10:40", "10:50"]
    assert decision.missed == 8
    assert "8 missed not caught up with (catch_up: all)" in decision.reason


@pytest.mark.parametrize(("minutes", "first"), [(30, "10:30"), (29, "10:40")])
def test_given_an_occurrence_exactly_as_old_as_the_window_then_it_runs(minutes: int, first: str) -> None:
    policies = Policies(catch_up=CatchUp.ALL, catch_up_window=timedelta(minutes=minutes))
    decision = decide(TENS, policies, at("11:00"), at("11:00:41"), last=at("09:00"))
    assert ran(decision)[0] == first


def test_given_the_tick_itself_is_older_than_the_window_then_its_occurrence_runs() -> None:
    policies = Policies(catch_up=CatchUp.ALL, catch_up_window=timedelta(minutes=30))
    assert ran(decide(TENS, policies, at("10:50"), at("11:40"), last=at("10:30"))) == ["10:50"]


def test_given_more_than_a_hundred_missed_then_the_latest_hundred_run() -> None:
    policies = Policies(catch_up=CatchUp.ALL, catch_up_window=timedelta(hours=8))
    decision = decide(EverySpec.parse("1m"), policies, at("10:00"), at("10:00"), last=at("06:00"))
    assert len(decision.run) == 100
    assert decision.run[-1] == at("10:00")
    assert decision.missed == 140


def test_given_an_outage_when_none_are_wanted_then_only_a_tick_in_time_runs() -> None:
    policies = Policies(catch_up=CatchUp.NONE)
    late = decide(TENS, policies, at("10:50"), at("10:57"), last=at("10:00"))
    assert (ran(late), late.missed) == ([], 5)
    assert late.reason == "5 missed not caught up with (catch_up: none)"
    in_time = decide(TENS, policies, at("11:00"), at("11:00:40"), last=at("10:00"))
    assert (ran(in_time), in_time.missed) == (["11:00"], 5)


@pytest.mark.parametrize("catch_up", list(CatchUp))
def test_given_a_tick_later_than_the_grace_then_it_is_skipped_with_its_lateness(catch_up: CatchUp) -> None:
    policies = Policies(misfire_grace=timedelta(minutes=5), catch_up=catch_up)
    decision = decide(TENS, policies, at("10:50"), at("10:57"), last=at("10:40"))
    assert (ran(decision), decision.misfired) == ([], 1)
    assert decision.reason == "2026-01-01T10:50+00:00 is 7m late, allowed are 5m"


def test_given_a_tick_within_the_grace_then_it_runs() -> None:
    policies = Policies(misfire_grace=timedelta(minutes=5))
    assert ran(decide(TENS, policies, at("10:50"), at("10:55"), last=at("10:40"))) == ["10:50"]


def test_given_a_missed_occurrence_then_the_next_tick_of_a_wider_cron_makes_up_for_it() -> None:
    # the covering cron of every 25 minutes ticks every 5; 10:25 was missed
    spec = EverySpec.parse("25m", anchor=datetime(2026, 1, 1))
    decision = decide(spec, Policies(), at("10:30"), at("10:31"), last=at("10:00"))
    assert ran(decision) == ["10:25"]
    assert decision.reason == "1 missed caught up with"


def test_given_a_schedule_was_switched_on_then_nothing_before_counts_as_missed() -> None:
    decision = decide(TENS, Policies(), at("10:50"), at("10:50"), last=at("08:00"), since=at("10:35"))
    assert (ran(decision), decision.collapsed) == (["10:50"], 1)


def test_given_no_memory_then_only_the_tick_counts() -> None:
    decision = decide(TENS, Policies(catch_up=CatchUp.ALL), at("10:50"), at("10:57"))
    assert (ran(decision), decision.reason) == (["10:50"], "")


def test_given_dagster_repeats_a_tick_then_its_occurrence_is_decided_again() -> None:
    assert ran(decide(TENS, Policies(), at("10:50"), at("10:51"), last=at("10:50"))) == ["10:50"]


@pytest.mark.parametrize("catch_up", list(CatchUp))
def test_given_years_without_ticks_then_the_decision_is_quick_and_the_count_a_lower_bound(
    catch_up: CatchUp,
) -> None:
    policies = Policies(catch_up=catch_up)
    long_ago = datetime.fromisoformat("2020-01-01T00:00+00:00")
    decision = decide(EverySpec.parse("1m"), policies, at("10:00"), at("10:00"), last=long_ago)
    assert decision.run[-1] == at("10:00")
    assert decision.uncounted
    assert "or more missed" in decision.reason


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(list(CatchUp)),
    st.one_of(st.none(), st.integers(0, 120)),
    st.integers(0, 300),
    st.integers(0, 5_000),
    st.sampled_from(["10m", "1h", "7m"]),
)
def test_given_any_outage_then_every_occurrence_is_run_or_counted_once(
    catch_up: CatchUp, grace: int | None, gap: int, late_seconds: int, step: str
) -> None:
    from scheduler_defs.timing import occurrences

    policies = Policies(catch_up=catch_up, misfire_grace=None if grace is None else timedelta(minutes=grace))
    spec = EverySpec.parse(step)
    tick = at("10:00")
    last = tick - timedelta(minutes=gap)
    decision = decide(spec, policies, tick, tick + timedelta(seconds=late_seconds), last=last)
    between = occurrences(spec, last - timedelta(minutes=gap == 0))
    due = 0
    for each in between:
        if each > tick:
            break
        due += 1
    assert len(decision.run) + decision.collapsed + decision.missed + decision.misfired == due
    assert list(decision.run) == sorted(set(decision.run))
    assert bool(decision.reason) or decision.run


def test_given_a_repeated_hour_then_both_copies_are_told_apart() -> None:
    spec = CronSpec(("30 * * * *",), "America/New_York")
    first, second = (datetime.fromisoformat(f"2026-11-01T01:30-0{hours}:00") for hours in (4, 5))
    decision = decide(spec, Policies(catch_up=CatchUp.ALL), second, second, last=first)
    assert decision.run == (second,)
