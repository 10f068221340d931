"""Accounting for what was due: each way to be explained, and each way not to be."""

from __future__ import annotations

from scheduler_defs.ledger.proving import (
    Account,
    Expected,
    Rest,
    Trouble,
    doubled,
    prove,
    switched_off,
)

NOW = 100_000.0
HOURS = (3_600, 7_200, 10_800)


def troubles(expected: list[Expected], written: dict[int, str], **more: object) -> list[tuple[int, str]]:
    gaps = more.get("gaps", ())
    proof = prove(expected, {"s": written}, {"s": gaps}, NOW)  # type: ignore[dict-item]
    return [(each.due, each.trouble.value) for each in proof.problems]


def test_given_an_entry_for_each_then_all_are_accounted_for_by_what_became_of_them() -> None:
    written = {3_600: "launched", 7_200: "skipped", 10_800: "collapsed"}
    proof = prove([Expected("s", HOURS)], {"s": written}, {}, NOW)
    assert proof.problems == []
    assert proof.accounted == {Account.RUN: 1, Account.SKIPPED: 1, Account.MISSED: 1}
    assert proof.due == 3


def test_given_no_entry_then_it_is_unexplained() -> None:
    assert troubles([Expected("s", HOURS)], {3_600: "launched", 10_800: "missed"}) == [(7_200, "unexplained")]


def test_given_an_ordered_run_that_never_came_then_it_is_unexplained() -> None:
    assert troubles([Expected("s", (3_600,))], {3_600: "ordered"}) == [(3_600, "unexplained")]


def test_given_a_launch_that_was_not_due_then_it_is_extra_and_what_did_not_run_is_nothing() -> None:
    found = troubles([Expected("s", (3_600,))], {3_600: "launched", 5_000: "launched", 5_060: "skipped"})
    assert found == [(5_000, "extra")]


def test_given_an_entry_that_speaks_for_older_ones_then_they_were_missed() -> None:
    assert troubles([Expected("s", HOURS)], {10_800: "missed"}, gaps=[(1_000, 10_800)]) == []
    assert troubles([Expected("s", HOURS)], {10_800: "missed"}, gaps=[(5_000, 10_800)]) == [
        (3_600, "unexplained")
    ]


def test_given_a_schedule_that_was_off_then_it_was_skipped_then_and_only_then() -> None:
    off = Expected("s", HOURS, rests=(Rest(3_000, 7_200),))
    assert troubles([off], {7_200: "launched", 10_800: "launched"}) == []
    assert troubles([off], {10_800: "launched"}) == [(7_200, "unexplained")]


def test_given_a_rule_that_ended_then_what_it_had_left_undecided_was_missed() -> None:
    assert (
        troubles([Expected("s", HOURS, undecided_after=7_200)], {3_600: "launched", 7_200: "skipped"}) == []
    )


def test_given_an_occurrence_of_this_moment_then_it_need_not_be_decided_yet() -> None:
    proof = prove([Expected("s", (3_600, 99_950))], {"s": {3_600: "launched"}}, {}, NOW)
    assert (proof.problems, proof.pending, proof.due) == ([], 1, 1)


def test_given_two_runs_for_one_occurrence_then_it_is_doubled() -> None:
    (found,) = doubled({("s", 3_600): 2, ("s", 7_200): 1, ("s", 200_000): 2}, 0, 100_000)
    assert (found.due, found.trouble) == (3_600, Trouble.DOUBLED)


def test_given_switches_and_pauses_then_the_rests_are_between_them() -> None:
    changes = [
        (10.0, "off", None),
        (20.0, "off", None),
        (30.0, "on", None),
        (40.0, "paused", 60.0),
        (50.0, "resumed", None),
        (70.0, "paused", None),
    ]
    assert switched_off(changes, enabled=True) == [Rest(10.0, 30.0), Rest(40.0, 50.0), Rest(70.0, None)]


def test_given_a_schedule_that_is_declared_off_then_it_rests_until_somebody_switches_it_on() -> None:
    changes = [(10.0, "on", None), (20.0, "as_declared", None)]
    assert switched_off(changes, enabled=False) == [Rest(float("-inf"), 10.0), Rest(20.0, None)]
