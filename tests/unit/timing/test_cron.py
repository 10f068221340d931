"""Our cron reads and matches what croniter does, and Dagster reads what it is given in the same way."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from croniter import croniter
from dagster._utils.schedules import CroniterShim, cron_string_iterator, is_valid_cron_string
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from scheduler_defs.timing import CronSpec, is_due, occurrences
from scheduler_defs.timing.cron.expression import parse_cron, plain_text
from scheduler_defs.timing.cron.table import CronTable
from tests.unit.timing.strategies import ZONES, cron_texts, instants, zones

_WHOLE = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (0, 59), (1970, 2099))
_NAMES = ([], [], ["l", "L"], ["jan", "FEB", "dec"], ["sun", "Mon", "fri"], [], [])
_ODDITIES = ["?", "h", "", "1--2", "5-", "-3", "*/x", "1/2/3", "1-5#2", "0-59/5-7", "l-3", "3-l", "**", "1#6"]


@st.composite
def any_cron_texts(draw: st.DrawFn) -> str:
    """Expressions that are right, odd, or wrong."""

    def value(field: int) -> str:
        low, high = _WHOLE[field]
        if _NAMES[field] and draw(st.integers(0, 7)) == 0:
            return draw(st.sampled_from(_NAMES[field]))
        slack = 1 if draw(st.integers(0, 25)) == 0 else 0
        return str(draw(st.integers(low - slack, high + slack)))

    def item(field: int) -> str:
        match draw(st.integers(0, 12)):
            case 0 | 1 | 2:
                return "*"
            case 3 | 4 | 5:
                return value(field)
            case 6 | 7:
                return f"{value(field)}-{value(field)}"
            case 8:
                return f"*/{draw(st.integers(0, 70))}"
            case 9:
                return f"{value(field)}-{value(field)}/{draw(st.integers(0, 40))}"
            case 10:
                return f"{value(field)}/{draw(st.integers(1, 12))}"
            case 11 if field == 4:
                nth = draw(st.integers(1, 5))
                return draw(st.sampled_from([f"{value(4)}#{nth}", f"l{value(4)}", f"mon-fri#{nth}"]))
            case _:
                return draw(st.sampled_from(_ODDITIES)) if draw(st.integers(0, 9)) == 0 else value(field)

    def field(number: int) -> str:
        return ",".join(item(number) for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))))

    return " ".join(field(number) for number in range(draw(st.sampled_from([5] * 20 + [4, 6, 7]))))


@settings(max_examples=400, deadline=None)
@given(any_cron_texts())
@example("0 0 1 * 1#1")
@example("0 *,5 * * *")
@example("0 0 27 2 */58")
@example("59/5 23/2 * 12/3 6/2")
@example("0 0 31 2 1")
@example("* 1-0,* * * *")
def test_given_any_text_then_we_read_it_as_croniter_does_and_dagster_reads_what_we_give_it(text: str) -> None:
    try:
        ours = parse_cron(text)
    except ValueError as error:
        assert "\n" not in str(error)
        assert text.split()[0] in str(error)
        assert any(reason in str(error) for reason in ON_PURPOSE) or not is_valid_cron_string(text)
        return
    assert_same(ours, *croniter.expand(text.lower()))
    given_to_dagster = plain_text(ours)
    assert is_valid_cron_string(given_to_dagster)
    assert_same(ours, *CroniterShim.expand(given_to_dagster))


ON_PURPOSE = (
    "never matches",
    "a range from a value to itself",
    "not supported",
    "fields; write 5",
    "mixes n-th",
)
"""Why we refuse what croniter takes; `timing/cron/expression.py` says why of the why."""


def assert_same(ours: CronTable, fields: Any, nth: Any) -> None:
    theirs = [
        None if "*" in field else tuple(sorted(-1 if value == "l" else value for value in field))
        for field in fields
    ]
    if ours.days is None and (nth or ours.weekdays is not None):
        theirs[2] = None  # they keep a day of month that never comes, or that `#` overrules
    assert (ours.days, ours.weekdays) == (theirs[2], theirs[4])
    assert [ours.minutes, ours.hours, ours.months] == [
        theirs[0] or tuple(range(60)),
        theirs[1] or tuple(range(24)),
        theirs[3] or tuple(range(1, 13)),
    ]
    assert dict(ours.nth).keys() == nth.keys()
    assert ours.every_hour == ("*" in fields[1] and len(fields[1]) in (1, 25))  # alone, or beside all hours


@pytest.mark.parametrize(
    ("text", "croniters", "reason"),
    [
        ("5-5 * * * *", ["*"], "a range from a value to itself; write the value alone, or *"),
        ("* * * * * *", ["*"], "has 6 fields"),
        ("R * * * *", None, "not supported"),
        ("0 0 31 4 *", [0], "never matches"),
        ("* * * * *,sun#1", ["*"], "mixes n-th and plain weekdays"),
    ],
)
def test_given_a_deviation_then_croniter_takes_it_and_we_say_why_not(
    text: str, croniters: list[object] | None, reason: str
) -> None:
    fields, _ = croniter.expand(text)
    assert croniters is None or fields[0] == croniters
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse_cron(text)


@pytest.mark.parametrize("text", ["59/5 * * * *", "0 23/2 * * *", "0 0 * 12/3 *", "0 0 * * 6/2"])
def test_given_a_step_from_the_top_then_dagsters_croniter_would_read_it_otherwise(text: str) -> None:
    table = parse_cron(text)
    assert plain_text(table) != text
    assert CroniterShim.expand(text) != CroniterShim.expand(plain_text(table))


@settings(max_examples=150, deadline=None)
@given(any_cron_texts(), st.integers(0, 12_000))
def test_given_an_expression_then_its_wall_clock_times_are_croniters(text: str, days: int) -> None:
    try:
        table = parse_cron(text)
    except ValueError:
        reject()
    start = datetime(2004, 1, 1, 7, 31) + timedelta(days=days)
    theirs = croniter(plain_text(table), start - timedelta(minutes=1))
    found = list(islice(table.walls(start), 6))
    assert found == [theirs.get_next(datetime) for _ in found]
    assert all(table.matches(wall) for wall in found)


@settings(max_examples=150, deadline=None)
@given(st.data(), cron_texts(), zones)
def test_given_a_cron_then_its_occurrences_are_the_ticks_of_dagsters_iterator(
    data: st.DataObject, text: str, place: str
) -> None:
    after = data.draw(instants(place))
    if place == "Australia/Lord_Howe" and parse_cron(text).every_hour:
        return  # Dagster's ticks depend on the season in which its process was started
    if place == "Pacific/Apia" and after.year <= 2011:
        after = after.replace(year=2012)  # the skipped day and midnight changes: tests of their own
    spec = CronSpec((text,), place)
    ours = [each.timestamp() for each in islice(occurrences(spec, after), 10)]
    ticks = cron_string_iterator(after.timestamp() + 1, text, place)
    assert ours == [tick.timestamp() for tick in islice(ticks, len(ours))]


@pytest.mark.parametrize(
    "text", ["30 10 * * *", "30 10 * * 5", "0 0,12 * 12 *", "15 4-20/4 28-31 * *", "0 * * * *"]
)
def test_given_a_skipped_day_then_we_agree_with_dagster_about_it(text: str) -> None:
    after = datetime(2011, 12, 27, tzinfo=UTC)
    ours = [each.timestamp() for each in islice(occurrences(CronSpec((text,), "Pacific/Apia"), after), 12)]
    ticks = cron_string_iterator(after.timestamp() + 1, text, "Pacific/Apia")
    # Dagster ticks twice where the skipped day and the next one meet
    theirs = sorted({tick.timestamp() for tick in islice(ticks, 20)})
    assert ours == theirs[: len(ours)]


@settings(max_examples=60, deadline=None)
@given(st.data(), cron_texts(), st.sampled_from(ZONES))
def test_given_any_minute_then_is_due_agrees_with_the_occurrences(
    data: st.DataObject, text: str, place: str
) -> None:
    spec = CronSpec((text,), place)
    after = data.draw(instants(place))
    hours = [after + timedelta(minutes=minutes) for minutes in range(1, 181)]
    due = {each.timestamp() for each in islice(occurrences(spec, after), 200)}
    assert [minute.timestamp() in due for minute in hours] == [is_due(spec, minute) for minute in hours]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5 * * *", "has 4 fields; write 5: minute hour day-of-month month day-of-week"),
        ("0 0 2 * * *", "has 6 fields"),
        ("61 * * * *", "minute '61' is out of range; allowed are 0-59"),
        ("0 0 * jann *", "month 'jann' is not understood; allowed are 1-12, jan-dec"),
        ("0 0 * * 1#6", "the number after # is 1 to 5"),
        ("0 0 * * 1#1,3", "mixes n-th and plain weekdays"),
        ("0 0 31 4 *", "never matches"),
        ("0 0 30 2 *", "never matches"),
        ("*/0 * * * *", "a step is at least 1"),
        ("H * * * *", "not supported"),
        ("R(0-30) * * * *", "not supported"),
        ("@dayly", "the short forms are @midnight, @hourly, @daily"),
        ("@reboot", "the short forms are"),
        ("", "has 0 fields"),
    ],
)
def test_given_a_wrong_expression_then_the_error_says_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        CronSpec((text,))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
