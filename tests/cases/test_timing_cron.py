"""Crons and recurrence rules that mean something else elsewhere: what we do, and that it is documented."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from pathlib import Path

import pytest
from croniter import croniter
from dagster._utils.schedules import cron_string_iterator
from dateutil.rrule import rrulestr

from scheduler_defs.timing import CronSpec, EverySpec, RRuleSpec, Spec, covering_cron, occurrences
from scheduler_defs.timing.cron.expression import parse_cron

DOCS = Path(__file__).parents[2] / "docs" / "schedules"
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
BEFORE = FEBRUARY - timedelta(minutes=1)


def page(name: str) -> str:
    """A page of the documentation as one line."""
    return " ".join((DOCS / name).read_text().split())


def in_february(spec: Spec) -> list[int]:
    """The days of February 2026 on which it is due."""
    return [each.day for each in takewhile(lambda each: each.month == 2, occurrences(spec, BEFORE))]


def dagsters(text: str | list[str], after: datetime, place: str = "UTC") -> Iterator[datetime]:
    """The ticks of Dagster's own iterator."""
    return (each.astimezone(UTC) for each in cron_string_iterator(after.timestamp() + 1, text, place))


def croniters(text: str, **options: bool) -> list[int]:
    """The days of February 2026 by croniter."""
    found = croniter(text, BEFORE.replace(tzinfo=None), **options)
    times = (found.get_next(datetime) for _ in range(60))
    return [each.day for each in takewhile(lambda each: each.month == 2, times)]


@pytest.mark.case("timing-T08")
@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("0 0 31 2 1", "0 0 * 2 1"),
        ("0 0 31 4 1", "0 0 * 4 1"),
        ("0 0 30,31 2 mon", "0 0 * 2 1"),
        ("0 0 1 * 1#2", "0 0 * * 1#2"),
        ("0 0 13 * L5", "0 0 * * L5"),
    ],
)
def test_given_a_day_of_month_that_never_comes_beside_a_weekday_then_dagster_runs_the_weekday(
    text: str, same_as: str
) -> None:
    spec = CronSpec((text,))
    given_to_dagster = covering_cron(spec)
    assert isinstance(given_to_dagster, str)
    due = list(islice(occurrences(spec, BEFORE), 12))
    assert due == list(islice(occurrences(CronSpec((same_as,)), BEFORE), 12))
    assert due == list(islice(dagsters(given_to_dagster, BEFORE), 12))
    assert "`0 0 31 2 1` is each Monday in February" in page("cron.md")


@pytest.mark.case("timing-T08")
@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 4 *", "0 0 31 2,4,6,9,11 ?"])
def test_given_days_that_never_come_alone_then_the_fault_is_true(text: str) -> None:
    with pytest.raises(ValueError, match="never matches: no such day of the month"):
        parse_cron(text)


@pytest.mark.case("timing-T09")
def test_given_a_crontab_line_with_a_star_in_a_day_field_then_the_page_on_migrating_names_the_difference() -> (
    None
):
    ours = in_february(CronSpec(("0 0 */2 * 3",)))
    assert ours == croniters("0 0 */2 * 3")
    assert ours == [each.day for each in islice(dagsters("0 0 */2 * 3", BEFORE), len(ours))]
    in_crontab = croniters("0 0 */2 * 3", implement_cron_bug=True)
    odd = ",".join(map(str, range(1, 32, 2)))
    assert in_crontab == in_february(RRuleSpec((f"FREQ=DAILY;BYDAY=WE;BYMONTHDAY={odd}",))) != ours
    said = page("migrating.md")
    assert "`0 0 */2 * 3` is each Wednesday with an odd date there" in said
    assert "each odd date and each Wednesday here" in said
    with pytest.raises(ValueError, match="a range from a value to itself"):
        parse_cron("5-5 * * * *")
    assert parse_cron("59/5 * * * *").minutes == (59,)
    assert "`5-5` is refused; write `5`. `59/5` is minute 59 alone" in said


@pytest.mark.case("timing-T10")
def test_given_every_second_day_of_the_month_then_the_page_says_that_it_starts_again_and_what_to_write() -> (
    None
):
    after = datetime(2026, 1, 30, tzinfo=UTC)
    starts_again = [each.day for each in islice(occurrences(CronSpec(("0 0 */2 * *",)), after), 3)]
    assert starts_again == [31, 1, 3]
    steady = list(islice(occurrences(EverySpec.parse("2d"), after), 5))
    assert {later - earlier for earlier, later in pairwise(steady)} == {timedelta(days=2)}
    assert "the 31st is followed by the 1st. For every second day use `every: 2d`" in page("cron.md")


@pytest.mark.case("timing-V02")
@pytest.mark.parametrize(
    ("text", "field", "numbers"),
    [
        ("59/5 * * * *", "minutes", (59,)),
        ("0 23/2 * * *", "hours", (23,)),
        ("0 0 * 12/3 *", "months", (12,)),
        ("0 0 * * 6/2", "weekdays", (6,)),
    ],
)
def test_given_a_step_from_the_highest_value_then_it_is_that_value_alone(
    text: str, field: str, numbers: tuple[int, ...]
) -> None:
    assert getattr(parse_cron(text), field) == numbers
    spec = CronSpec((text,))
    given_to_dagster = covering_cron(spec)
    due = list(islice(occurrences(spec, BEFORE), 20))
    assert due == list(islice(dagsters(given_to_dagster, BEFORE), 20))
    assert "`59/5` is minute 59 alone, `23/2` hour 23" in page("cron.md")


@pytest.mark.case("timing-V03")
@pytest.mark.parametrize("text", ["* * * * *", "22-24 * * * */3"])
def test_given_troll_where_the_clock_moves_by_two_hours_then_what_dagster_misses_is_documented(
    text: str,
) -> None:
    spec = CronSpec((text,), "Antarctica/Troll")
    before = datetime(2037, 10, 25, 0, 41, tzinfo=UTC)
    end = before + timedelta(hours=6)
    due = set(takewhile(lambda each: each < end, occurrences(spec, before)))
    ticks = set(takewhile(lambda each: each < end, dagsters(covering_cron(spec), before, "Antarctica/Troll")))
    missed = due - ticks
    assert missed
    assert all(each.astimezone(UTC).hour == 1 for each in missed)  # the second of the repeated hours
    said = page("README.md")
    assert "in `Antarctica/Troll`, where the clock moves by two hours" in said
    assert "a schedule of every minute in the second of the repeated hours" in said
    assert "`22-24 * * * */3`" in said


@pytest.mark.case("timing-V04")
def test_given_a_choice_in_the_week_of_the_anchor_then_we_count_in_the_whole_week_and_dateutil_does_not() -> (
    None
):
    rule, tuesday = (
        "FREQ=WEEKLY;BYDAY=TH,MO;BYHOUR=13,1;BYMINUTE=1;BYSETPOS=3",
        datetime.fromisoformat("2023-10-10T01:01"),
    )
    spec = RRuleSpec((rule,), start=tuesday)
    ours = [each.replace(tzinfo=None) for each in islice(occurrences(spec, tuesday.replace(tzinfo=UTC)), 3)]
    theirs = list(islice(rrulestr(rule, dtstart=tuesday), 2))
    assert ours[0] == datetime.fromisoformat("2023-10-12T01:01")
    assert ours[1:] == theirs
    said = page("rrule.md")
    assert "They differ in three places" in said
    assert "counts in whole weeks, also in the week of an anchor that lies inside it" in said
