"""Hypothesis strategies for specs, zones and the instants that are hard: those around clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from scheduler_defs.timing import AtSpec, CronSpec, EverySpec, RRuleSpec, Spec, Unit, zone
from scheduler_defs.timing.covering.clock_changes import clock_changes

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia")
"""Changes of an hour in two hemispheres, of half an hour, and a zone that skipped a day."""

ODD_ZONES = (
    "UTC",
    "Asia/Kathmandu",  # 5:45
    "America/Santiago",  # changes at midnight
    "Africa/Cairo",
    "America/Havana",
    "Atlantic/Azores",
    "Asia/Gaza",  # changes at one minute past midnight, around Ramadan
    "Europe/Dublin",  # its winter time is the saving time
    "Africa/Casablanca",
    "Pacific/Chatham",  # changes at 2:45
    "America/Caracas",  # moved by half an hour for good
)

_HOURS = ("*", "*/2", "*/6", "0", "1", "2", "3", "23", "0-3", "1,2", "22-2", "9-17")
_MINUTES = ("*", "0", "30", "15", "59", "*/15", "*/7", "5,35", "0-10/5")

zones = st.sampled_from(ZONES)
all_zones = st.sampled_from(ZONES + ODD_ZONES)


@st.composite
def cron_texts(draw: st.DrawFn) -> str:
    """Five-field expressions of the forms people use, with many times in the hours of clock changes."""
    day, weekday = draw(
        st.sampled_from(
            [
                *[("*", "*")] * 5,
                ("1", "*"),
                ("15", "*"),
                ("L", "*"),
                ("29", "*"),
                ("31", "*"),
                ("1-7", "*"),
                ("*", "0"),
                ("*", "1-5"),
                ("*", "sat,sun"),
                ("*", "1#1"),
                ("*", "L5"),
                ("13", "5"),
                ("?", "6-7"),
            ]
        )
    )
    months = draw(st.sampled_from(["*", "*", "*", "3,10", "*/3", "nov", "2"]))
    if (day, months) == ("31", "2") or (day, months) == ("31", "nov"):
        months = "*"
    hour = draw(st.one_of(st.sampled_from(_HOURS), st.integers(0, 23).map(str)))
    minute = draw(st.one_of(st.sampled_from(_MINUTES), st.integers(0, 59).map(str)))
    return f"{minute} {hour} {day} {months} {weekday}"


def cron_specs(places: st.SearchStrategy[str], most: int = 1) -> st.SearchStrategy[CronSpec]:
    return st.builds(
        lambda texts, place: CronSpec(tuple(texts), place),
        st.lists(cron_texts(), min_size=1, max_size=most),
        places,
    )


@st.composite
def walls(draw: st.DrawFn) -> datetime:
    """Wall-clock times, often in the hours of clock changes and at the ends of months."""
    day = datetime(2019, 1, 1) + timedelta(days=draw(st.integers(0, 2_000)))
    if draw(st.booleans()):
        day = day.replace(month=draw(st.sampled_from([1, 3, 5, 8, 10, 12])), day=draw(st.integers(28, 31)))
    hour = draw(st.one_of(st.sampled_from([0, 1, 2, 3, 23]), st.integers(0, 23)))
    return day.replace(hour=hour, minute=draw(st.sampled_from([0, 5, 15, 30, 45, 59])))


@st.composite
def every_specs(draw: st.DrawFn, places: st.SearchStrategy[str]) -> EverySpec:
    count = draw(st.sampled_from([1, 1, 2, 3, 5, 7, 10, 12, 25, 36, 45, 90]))
    anchor = draw(st.one_of(st.none(), walls()))
    return EverySpec(count, draw(st.sampled_from(list(Unit))), anchor, draw(places))


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    """Rules of every frequency; some never match or are refused."""
    freq = draw(st.sampled_from(["MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={freq}"]

    def maybe(chance: int, text: str) -> None:
        if draw(st.integers(1, 10)) <= chance:
            parts.append(text)

    def some(values: list[int]) -> str:
        return ",".join(map(str, draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))))

    maybe(5, f"INTERVAL={draw(st.sampled_from([2, 3, 5, 7, 12, 25, 90]))}")
    maybe(3, f"BYMONTH={some(list(range(1, 13)))}")
    if freq != "WEEKLY":
        maybe(2, f"BYMONTHDAY={some([1, 13, 28, 29, 30, 31, -1, -2, -31])}")
    if freq in ("YEARLY", "HOURLY", "MINUTELY"):
        maybe(1, f"BYYEARDAY={some([1, 60, 100, 365, 366, -1, -366])}")
    weeks = freq == "YEARLY" and draw(st.integers(1, 10)) <= 2
    if weeks:
        parts.append(f"BYWEEKNO={some([1, 20, -2])}")
    # dateutil joins numbered and plain weekdays by AND, RFC 5545 by OR: not mixed here.
    numbered = freq in ("MONTHLY", "YEARLY") and not weeks and draw(st.booleans())
    numbers = [1, 2, 3, -1, -2] if numbered else [""]
    days = draw(
        st.lists(
            st.builds(
                "{}{}".format, st.sampled_from(numbers), st.sampled_from(["MO", "WE", "FR", "SA", "SU"])
            ),
            min_size=1,
            max_size=3,
        )
    )
    maybe(4, f"BYDAY={','.join(days)}")
    maybe(4, f"BYHOUR={some([0, 1, 2, 3, 9, 17, 23])}")
    maybe(4, f"BYMINUTE={some([0, 15, 30, 59])}")
    if any(part.startswith("BY") for part in parts):
        maybe(2, f"BYSETPOS={some([1, 2, 3, -1, -2])}")
    maybe(2, f"WKST={draw(st.sampled_from(['MO', 'SU', 'WE']))}")
    return ";".join(parts)


@st.composite
def rrule_specs(draw: st.DrawFn, places: st.SearchStrategy[str]) -> RRuleSpec:
    rules = draw(st.lists(rule_texts(), min_size=1, max_size=2))
    start = draw(st.one_of(st.none(), walls()))
    place = draw(places)
    try:
        return RRuleSpec(tuple(rules), start=start, timezone=place)
    except ValueError:
        from hypothesis import reject

        reject()


@st.composite
def at_specs(draw: st.DrawFn, places: st.SearchStrategy[str]) -> AtSpec:
    place = draw(places)
    moments = draw(st.lists(instants(place), min_size=1, max_size=4))
    if draw(st.booleans()):
        moments = [moment.astimezone(zone(place)).replace(tzinfo=None, fold=0) for moment in moments]
    return AtSpec(tuple(moments), place)


@st.composite
def instants(draw: st.DrawFn, place: str) -> datetime:
    """Whole minutes from 2005 to 2040 in UTC, most of them near one of the zone's clock changes."""
    changes = [change for change in clock_changes(place) if 2005 <= change.instant.year <= 2040]
    if changes and draw(st.integers(1, 4)) > 1:
        moment = draw(st.sampled_from(changes)).instant + timedelta(minutes=draw(st.integers(-1_500, 300)))
    else:
        moment = datetime(2005, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 18_000_000)))
    return moment.replace(second=0)


def specs(places: st.SearchStrategy[str]) -> st.SearchStrategy[Spec]:
    """Specs of every kind."""
    return st.one_of(cron_specs(places, most=3), every_specs(places), rrule_specs(places), at_specs(places))


@st.composite
def specs_and_instants(draw: st.DrawFn, places: st.SearchStrategy[str]) -> tuple[Spec, datetime]:
    """A spec and an instant to ask it at."""
    spec = draw(specs(places))
    if isinstance(spec, AtSpec):
        return spec, spec.instants[0].astimezone(UTC) - timedelta(minutes=draw(st.integers(0, 300)))
    return spec, draw(instants(spec.timezone))
