"""What each operator makes of each kind of value."""

import datetime as dt
import decimal
import time
import uuid
from typing import Any

import pytest

from scheduler_defs.conditions.operators import ComparisonError, compare, wanted_text
from scheduler_defs.conditions.values import normalised, shown
from scheduler_defs.declarations.models.conditions import Operator
from scheduler_defs.errors import SignalboxError

NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
MINUTES = dt.timedelta(minutes=10)


@pytest.mark.parametrize(
    ("observed", "op", "wanted", "expected"),
    [
        # exists: anything but nothing and blank texts; 0 and false exist
        (None, "exists", None, False),
        ("", "exists", None, False),
        ("  \t", "exists", True, False),
        ("x", "exists", None, True),
        (0, "exists", None, True),
        (False, "exists", True, True),
        (None, "exists", False, True),
        ("x", "exists", False, False),
        ([], "exists", None, True),
        # nothing: false for every other operator
        (None, "eq", "x", False),
        (None, "neq", "x", False),
        (None, "gt", 1, False),
        (None, "lte", 1, False),
        (None, "contains", "x", False),
        (None, "matches", "*", False),
        (None, "regex", ".*", False),
        # booleans
        (True, "eq", True, True),
        (True, "eq", "true", True),
        (True, "eq", "Yes", True),
        (True, "eq", 1, True),
        (False, "eq", 0, True),
        (False, "neq", "on", True),
        ("true", "eq", True, True),
        ("0", "eq", False, True),
        # numbers, whole or not
        (5, "eq", 5, True),
        (5, "eq", 5.0, True),
        (5, "eq", "5.0", True),
        (5, "neq", 6, True),
        (5.5, "gt", 5, True),
        (5, "gte", 5, True),
        (5, "lt", "10", True),
        (10, "lt", 9, False),
        (5, "lte", 4.9, False),
        ("10", "gt", 9, True),
        ("10", "eq", 10, True),
        ("1e3", "gte", 1000, True),
        (2**60 + 1, "eq", 2**60, False),
        # texts
        ("abc", "eq", "abc", True),
        ("abc", "eq", "Abc", False),
        ("abc", "neq", "abd", True),
        ("abc", "lt", "abd", True),
        ("1.10", "eq", "1.1", False),
        # texts that are numbers, instants or durations are ordered as such
        ("10", "gt", "9", True),
        ("-2", "lt", "1", True),
        ("2026-07-01T12:00:00Z", "eq", "2026-07-01T14:00:00+02:00", True),
        ("2026-07-01T12:00:00Z", "neq", "2026-07-01T14:00:00+02:00", False),
        ("2026-07-01T12:30:00Z", "gt", "2026-07-01T14:00:00+02:00", True),
        ("2026-07-01", "lt", "2026-07-01T00:00:01Z", True),
        ("90s", "gt", "1m", True),
        ("36h", "lte", "1d", False),
        # instants
        (NOON, "eq", "2026-07-01T07:00:00-05:00", True),
        (NOON, "gt", "2026-07-01T13:00:00+02:00", True),
        (NOON, "lt", "2026-07-02", True),
        # durations; a number is seconds
        (MINUTES, "eq", "10m", True),
        (MINUTES, "gt", "9m59s", True),
        (MINUTES, "lt", 601, True),
        (MINUTES, "gte", "600", True),
        # contains
        ("disk is full", "contains", "full", True),
        ("disk is full", "contains", "Full", False),
        ("error 504", "contains", 504, True),
        (["a", "b"], "contains", "b", True),
        ([1, 2], "contains", 2, True),
        ([1, 2], "contains", "2", True),
        (["x", 2], "contains", 3, False),
        ([True], "contains", 1, False),
        ({"a": 1}, "contains", "a", True),
        # matches: a glob over the whole text, with any characters
        ("report-07.csv", "matches", "report-??.csv", True),
        ("report-07.csv", "matches", "report", False),
        ("a/b:c+d^e", "matches", "a/b:c+d^*", True),
        ("xbc", "matches", "[!a]bc", True),
        ("abc", "matches", "[!a]bc", False),
        ("abc", "matches", "[a-c]bc", True),
        ("ABC", "matches", "abc", False),
        (42, "matches", "4*", True),
        (True, "matches", "true", True),
        # regex: found anywhere
        ("error 504 at gate", "regex", r"5\d\d", True),
        ("error 504 at gate", "regex", "^504", False),
        ("a\nb", "regex", "b$", True),
    ],
)
def test_comparison(observed: Any, op: str, wanted: Any, expected: bool) -> None:
    assert compare(observed, Operator(op), wanted) is expected


@pytest.mark.parametrize(
    ("observed", "op", "wanted", "message"),
    [
        (5, "eq", "five", "number and cannot be compared with 'five', a text"),
        (5, "gt", "10m", "cannot be compared"),
        (5, "eq", True, "cannot be compared"),
        ("five", "gt", 3, "five is a text"),
        ("maybe", "eq", True, "cannot be compared"),
        (True, "eq", 2, "cannot be compared"),
        (True, "gt", False, "no order"),
        ("true", "lt", True, "no order"),
        (NOON, "gt", "yesterday", "timestamp and cannot be compared"),
        (MINUTES, "gt", "soon", "duration and cannot be compared"),
        ([1], "eq", 1, "list of 1 is a list"),
        ({"a": 1}, "gt", 1, "cannot be compared"),
        (5, "contains", "5", "looks into a text, list or object, not a number"),
        ([1], "matches", "*", "compares texts, not a list"),
        ("x", "matches", 5, "needs a text"),
        ("x", "eq", None, "needs a value"),
    ],
)
def test_comparison_without_meaning_is_an_error_and_not_a_no(
    observed: Any, op: str, wanted: Any, message: str
) -> None:
    with pytest.raises(ComparisonError, match=message):
        compare(observed, Operator(op), wanted)


def test_wanted_instant_without_offset_is_in_the_schedules_zone() -> None:
    assert compare(NOON, Operator.EQ, "2026-07-01T07:00", timezone="America/Chicago")
    assert not compare(NOON, Operator.EQ, "2026-07-01T07:00")


def test_case_is_ignored_where_a_probe_says_so() -> None:
    assert compare("FAILURE", Operator.EQ, "failure", ignore_case=True)
    assert not compare("FAILURE", Operator.EQ, "failure")


def test_a_pattern_that_backtracking_would_never_end_is_answered_at_once() -> None:
    started = time.process_time()
    assert not compare("a" * 100_000 + "!", Operator.REGEX, "(a+)+$")
    assert time.process_time() - started < 2


def test_case_is_ignored_in_patterns_without_changing_what_they_mean() -> None:
    assert compare("FAILURE 7", Operator.REGEX, r"failure\W\d", ignore_case=True)


def test_glob_with_many_stars_ends() -> None:
    started = time.process_time()
    assert not compare("a" * 2000, Operator.MATCHES, "*a" * 30 + "b")
    assert time.process_time() - started < 10


def test_bad_pattern_is_an_error() -> None:
    with pytest.raises(SignalboxError, match="regex"):
        compare("x", Operator.REGEX, "(")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (decimal.Decimal("10.00"), 10),
        (decimal.Decimal("10.5"), 10.5),
        (dt.date(2026, 7, 1), "2026-07-01"),
        (dt.datetime(2026, 7, 1, 12), NOON),  # noqa: DTZ001 - drivers give such
        (b"caf\xe9", "caf\ufffd"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (("a", "b"), ["a", "b"]),
    ],
)
def test_answers_of_probes_become_values(value: object, expected: object) -> None:
    assert normalised(value) == expected


@pytest.mark.parametrize("value", [float("nan"), decimal.Decimal("NaN"), object()])
def test_answer_that_cannot_be_compared_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match=r"observed|Invalid|convert"):
        normalised(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (42.0987, "42.1"),
        (9.96, "9.96"),
        (123456.7, "123457"),
        (None, "nothing"),
        (True, "true"),
        (dt.timedelta(hours=26), "1d2h"),
        ("", "''"),
        ("a\nb", "a b"),
        ("x" * 500, "x" * 119 + "…"),
        ([1, 2], "list of 2"),
    ],
)
def test_value_as_shown(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("op", "wanted", "text"),
    [
        ("lt", 10, "< 10"),
        ("neq", "x", "!= x"),
        ("exists", None, "to exist"),
        ("exists", False, "not to exist"),
        ("contains", "x", "to contain x"),
    ],
)
def test_wanted_as_shown(op: str, wanted: Any, text: str) -> None:
    assert wanted_text(Operator(op), wanted) == text
