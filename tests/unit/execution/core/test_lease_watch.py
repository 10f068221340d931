"""A lease is lost when its renewal has stood still for as long as it lasts, by the clock of whoever looks."""

from __future__ import annotations

import pytest

from scheduler_defs.execution.leases.watch import LeaseWatch


def _looks(watch: LeaseWatch, mark: str, *instants: float, lasts: float = 20) -> list[bool]:
    return [watch.is_lost("run", mark, lasts, now) for now in instants]


def test_given_no_renewal_then_the_lease_is_lost_after_its_length_and_not_before() -> None:
    assert _looks(LeaseWatch(), "a", 100, 105, 110, 115, 119.9, 120) == [False] * 5 + [True]


def test_given_a_renewal_then_it_counts_anew() -> None:
    watch = LeaseWatch()
    assert _looks(watch, "a", 100, 110, 119) == [False] * 3
    assert _looks(watch, "b", 120, 130, 139) == [False] * 3
    assert _looks(watch, "b", 140) == [True]


@pytest.mark.parametrize("slept", [45.0, 600.0])
def test_given_an_observer_that_slept_itself_then_it_looks_again_before_it_judges(slept: float) -> None:
    assert _looks(LeaseWatch(), "a", 100, 100 + slept, 105 + slept, 110 + slept) == [
        False,
        False,
        False,
        True,
    ]


def test_given_two_leases_then_each_counts_for_itself() -> None:
    watch = LeaseWatch()
    watch.is_lost("one", 1, 2, 100)
    assert not watch.is_lost("other", 1, 2, 101)
    assert not watch.is_lost("one", 1, 2, 101)
    assert watch.is_lost("one", 1, 2, 102)


def test_given_a_lease_that_nobody_looked_at_for_long_then_it_is_forgotten() -> None:
    watch = LeaseWatch()
    watch.is_lost("old", 1, 20, 10_000)
    watch.is_lost("new", 1, 20, 20_000)
    assert not watch.is_lost("old", 1, 20, 20_001)
    assert len(watch._seen) == 2
