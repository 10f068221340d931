"""Level, edge, cooldown and errors, over series of results."""

import datetime as dt

import pytest

from scheduler_defs.conditions import Memory, Result, decide
from scheduler_defs.conditions.firing import Why
from scheduler_defs.declarations.models.conditions import Fire

START = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
_RESULTS = {"T": Result.TRUE, "F": Result.FALSE, "E": Result.ERROR}


def series(
    results: str, fire: Fire, cooldown_minutes: int | None = None, refused: frozenset[int] = frozenset()
) -> str:
    """Checks a minute apart: which of them start a run. `refused` are those whose run a limit forbids."""
    memory, out = Memory(), ""
    cooldown = None if cooldown_minutes is None else dt.timedelta(minutes=cooldown_minutes)
    for index, letter in enumerate(results):
        firing = decide(
            _RESULTS[letter],
            fire=fire,
            cooldown=cooldown,
            memory=memory,
            now=START + dt.timedelta(minutes=index),
        )
        launched = firing.run and index not in refused
        memory = firing.memory if launched or not firing.run else firing.memory_if_not_launched
        out += "R" if launched else "."
        assert (firing.why is None) is firing.run
    return out


@pytest.mark.parametrize(
    ("results", "runs"),
    [("TTFTT", "RR.RR"), ("FFF", "..."), ("TET", "R.R"), ("EEE", "...")],
)
def test_level_runs_at_every_check_that_holds(results: str, runs: str) -> None:
    assert series(results, Fire.LEVEL) == runs


@pytest.mark.parametrize(
    ("results", "runs"),
    [
        ("TTT", "R.."),
        ("FTTFT", ".R..R"),
        ("TET", "R.."),
        ("FET", "..R"),
        ("ET", ".R"),
        ("TFEFT", "R...R"),
    ],
)
def test_edge_runs_when_the_condition_becomes_true(results: str, runs: str) -> None:
    assert series(results, Fire.EDGE) == runs


def test_cooldown_holds_level_back() -> None:
    assert series("TTTTTTT", Fire.LEVEL, 3) == "R..R..R"


def test_edge_in_the_cooldown_fires_when_it_is_over_if_it_still_holds() -> None:
    assert series("TFTTTT", Fire.EDGE, 4) == "R...R."
    assert series("TFTFFF", Fire.EDGE, 4) == "R....."


def test_edge_whose_run_a_limit_forbids_is_not_lost() -> None:
    assert series("FTTT", Fire.EDGE, refused=frozenset({1, 2})) == "...R"


def test_cooldown_counts_from_the_last_run_and_not_from_a_refused_one() -> None:
    assert series("TTTT", Fire.LEVEL, 2, refused=frozenset({0})) == ".R.R"


def test_errors_in_a_row_are_counted_and_forgotten_after_a_result() -> None:
    memory = Memory(holds=True, fired=START, errors=0)
    for expected in (1, 2, 3):
        firing = decide(Result.ERROR, fire=Fire.EDGE, cooldown=None, memory=memory, now=START)
        memory = firing.memory
        assert memory == Memory(True, START, expected)
        assert firing.why is Why.ERROR
    assert decide(Result.FALSE, fire=Fire.EDGE, cooldown=None, memory=memory, now=START).memory.errors == 0


def test_it_says_until_when_the_cooldown_lasts() -> None:
    firing = decide(
        Result.TRUE,
        fire=Fire.LEVEL,
        cooldown=dt.timedelta(minutes=90),
        memory=Memory(fired=START),
        now=START + dt.timedelta(minutes=1),
    )
    assert (firing.why, firing.cooldown, firing.until) == (
        Why.COOLDOWN,
        dt.timedelta(minutes=90),
        START + dt.timedelta(minutes=90),
    )
