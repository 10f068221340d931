"""A forecast plays the declared rules through, within limits."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs.forecasting.simulation.model import Forecast, Overlap, Planned
from scheduler_defs.forecasting.simulation.simulate import forecast
from scheduler_defs.timing import EverySpec, Policies, occurrences

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def play(*planned: Planned, hours: float = 1, **limits: int) -> Forecast:
    return forecast(planned, limits, BEGIN, BEGIN + timedelta(hours=hours))


def shown(result: Forecast) -> list[str]:
    """`name due-start-end` in minutes of the window."""
    begin = int(BEGIN.timestamp())
    return [
        f"{run.schedule} {(run.due - begin) // 60}-{(run.start - begin) // 60}-{(run.end - begin) // 60}"
        for run in result.runs
    ]


def every(text: str, minutes: int, name: str = "a", overlap: Overlap = "skip", **more: object) -> Planned:
    return Planned(name, EverySpec.parse(text), minutes * MINUTE, overlap=overlap, **more)  # type: ignore[arg-type]


def test_given_room_then_runs_start_when_they_are_due() -> None:
    result = play(every("20m", 5))
    assert shown(result) == ["a 0-0-5", "a 20-20-25", "a 40-40-45"]
    assert (result.pileups, result.skipped, result.unstarted) == ([], {}, {})
    assert result.peaks[""] == (1, int(BEGIN.timestamp()))
    assert result.running == [1, 1, 1, 0]


def test_given_a_full_limit_then_runs_wait_and_the_pile_up_is_named() -> None:
    both = [every("30m", 20, name, "allow", limits=("slots",)) for name in ("a", "b")]
    result = play(*both, slots=1)
    assert shown(result) == ["a 0-0-20", "b 0-20-40", "a 30-40-60", "b 30-60-80"]
    assert result.peaks["slots"][0] == 1
    (pileup,) = result.pileups
    assert (pileup.limit, pileup.most_waiting, pileup.longest_wait_seconds) == ("slots", 2, 1_800)
    assert pileup.schedules == {"b": 2, "a": 1}
    assert result.waiting == [1, 1, 2, 1]


def test_given_priorities_then_the_higher_starts_first() -> None:
    planned = [
        every("1h", 10, "first", limits=("slots",), priority=9),
        every("1h", 10, "low", limits=("slots",)),
        every("1h", 10, "high", limits=("slots",), priority=5),
    ]
    assert shown(play(*planned, slots=1)) == ["first 0-0-10", "high 0-10-20", "low 0-20-30"]


@pytest.mark.parametrize(
    ("overlap", "runs", "skipped"),
    [
        ("allow", ["a 0-0-25", "a 20-20-45", "a 40-40-65"], {}),
        ("skip", ["a 0-0-25", "a 40-40-65"], {"a": 1}),
        ("queue", ["a 0-0-25", "a 20-25-50", "a 40-50-75"], {}),
        ("cancel_running", ["a 0-0-20", "a 20-20-40", "a 40-40-65"], {}),
    ],
)
def test_given_runs_longer_than_their_interval_then_overlap_decides(
    overlap: Overlap, runs: list[str], skipped: dict[str, int]
) -> None:
    result = play(every("20m", 25, overlap=overlap))
    assert (shown(result), result.skipped) == (runs, skipped)


def test_given_a_queue_of_one_then_further_occurrences_are_left_out() -> None:
    result = play(every("10m", 35, overlap="queue"))
    assert shown(result) == ["a 0-0-35", "a 10-35-70"]
    assert result.skipped == {"a": 3}
    assert result.unstarted == {"a": 1}


def test_given_a_limit_of_zero_then_nothing_runs() -> None:
    result = play(every("20m", 5, limits=("never",)), never=0)
    assert (result.runs, result.skipped) == ([], {"a": 3})


def test_given_runs_that_never_get_room_then_the_pile_up_lasts_beyond_the_window() -> None:
    result = play(every("1h", 90, "a", limits=("slots",)), every("1h", 5, "b", limits=("slots",)), slots=1)
    assert result.unstarted == {"b": 1}
    (pileup,) = result.pileups
    assert (pileup.end, pileup.longest_wait_seconds) == (None, 3_600)


def test_given_a_cancelled_run_that_waited_then_its_place_is_free() -> None:
    planned = [
        every("1h", 50, "long", limits=("slots",), priority=1),
        every("20m", 5, "renewed", "cancel_running", limits=("slots",)),
    ]
    result = play(*planned, slots=1)
    assert shown(result) == ["long 0-0-50", "renewed 40-50-55"]
    assert result.skipped == {"renewed": 2}


def test_given_policies_and_jitter_then_they_hold() -> None:
    policies = Policies(start=BEGIN + 30 * MINUTE, jitter=timedelta(minutes=2))
    result = play(every("10m", 1, policies=policies))
    begin = int(BEGIN.timestamp())
    assert len(result.runs) == 3
    delays = [(run.start - begin) % 600 for run in result.runs]
    assert all(delay <= 120 for delay in delays)
    assert any(delay % 60 for delay in delays), "it starts at its second, not at the next minute"


def test_given_a_full_gate_then_the_occurrence_is_looked_at_again_when_there_is_room() -> None:
    planned = [every("1h", 10, "first", priority=1), every("1h", 5, "later", max_global=1)]
    result = play(*planned)
    assert shown(result) == ["first 0-0-10", "later 0-10-15"]
    (pileup,) = result.pileups
    assert (pileup.limit, pileup.schedules, pileup.longest_wait_seconds) == (
        "max_global 1",
        {"later": 1},
        600,
    )


def test_given_a_gate_for_a_job_then_runs_of_other_jobs_do_not_count() -> None:
    planned = [
        every("1h", 10, "other", priority=2, job="x"),
        every("1h", 5, "first", priority=1, job="y"),
        every("1h", 5, "later", job="y", max_per_job=1),
    ]
    assert sorted(shown(play(*planned))) == ["first 0-0-5", "later 0-5-10", "other 0-0-10"]


def test_given_a_gate_that_opens_after_the_misfire_grace_then_the_occurrence_is_left_out() -> None:
    policies = Policies(misfire_grace=timedelta(minutes=5))
    planned = [every("1h", 10, "first", priority=1), every("1h", 5, "later", max_global=1, policies=policies)]
    result = play(*planned)
    assert (shown(result), result.skipped) == (["first 0-0-10"], {"later": 1})
    assert result.pileups[0].end == int(BEGIN.timestamp()) + 300


def test_given_a_gate_still_closed_at_the_next_occurrence_then_that_one_takes_its_place() -> None:
    planned = [every("1h", 25, "long", priority=1), every("20m", 1, "later", max_global=1)]
    result = play(*planned)
    assert shown(result) == ["long 0-0-25", "later 20-25-26", "later 40-40-41"]
    assert result.skipped == {"later": 1}


def test_given_a_gate_that_never_opens_then_the_occurrence_still_waits_when_the_window_ends() -> None:
    planned = [every("1h", 90, "long", priority=1), every("1h", 1, "later", max_per_job=1)]
    assert play(*planned).unstarted == {"later": 1}
    assert play(every("20m", 5, max_global=0)).skipped == {"a": 3}


def test_given_an_empty_window_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ends .* before it begins"):
        forecast([], {}, BEGIN, BEGIN)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["7m", "10m", "30m", "1h"]),
            st.integers(1, 45),
            st.sampled_from([(), ("x",), ("y",), ("x", "y")]),
            st.sampled_from(["allow", "skip", "queue", "cancel_running"]),
            st.integers(-1, 1),
            st.sampled_from([None, None, 0, 1, 3]),
            st.sampled_from([None, None, 1, 2]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_given_any_yard_then_limits_hold_and_nothing_is_lost(
    yard: list[tuple[str, int, tuple[str, ...], Overlap, int, int | None, int | None]], x: int, y: int
) -> None:
    planned = [
        every(
            text,
            minutes,
            f"s{n}",
            overlap,
            limits=limits,
            priority=priority,
            job=f"job {n % 2}",
            max_global=most,
            max_per_job=per_job,
        )
        for n, (text, minutes, limits, overlap, priority, most, per_job) in enumerate(yard)
    ]
    result = play(*planned, hours=5, x=x, y=y)
    names = {each.name: each for each in planned}
    for limit, room in (("x", x), ("y", y)):
        changes = Counter[tuple[int, int]]()
        for run in result.runs:
            if limit in names[run.schedule].limits:
                changes[run.end, 0] -= 1
                changes[run.start, 1] += 1
        going = 0
        for moment in sorted(changes):
            going += changes[moment]
            assert going <= room
    started = Counter(run.schedule for run in result.runs)
    for each in planned:
        in_window = takewhile(
            lambda at: at < BEGIN + timedelta(hours=5), occurrences(each.spec, BEGIN - MINUTE)
        )
        due = len(list(in_window))
        assert (
            started[each.name] + result.skipped.get(each.name, 0) + result.unstarted.get(each.name, 0) == due
        )
        runs = [run for run in result.runs if run.schedule == each.name]
        assert all(run.start >= run.due for run in runs)
        if each.overlap != "allow":
            assert all(later.start >= earlier.end for earlier, later in pairwise(runs))
