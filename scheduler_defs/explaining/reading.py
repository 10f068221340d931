"""When a schedule is due, as one sentence for people who do not read cron or RFC 5545. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.explaining.cron_reading import cron_words
from scheduler_defs.explaining.words import DAYS, MONTHS, ORDINALS, joined
from scheduler_defs.timing import AtSpec, CronSpec, EverySpec, RRuleSpec, Spec, format_duration
from scheduler_defs.timing.policies import Policies

_DAYS = {day[:2].upper(): day for day in DAYS}
_PERIODS = {
    "YEARLY": "year",
    "MONTHLY": "month",
    "WEEKLY": "week",
    "DAILY": "day",
    "HOURLY": "hour",
    "MINUTELY": "minute",
}
_SAID = {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYHOUR", "BYMINUTE", "COUNT", "UNTIL"}
_MOST = 3


def reading_of(schedule: Schedule) -> str:
    """A declared schedule's rule; of a conditional one how often it is looked at."""
    said = sentence(schedule.timing, schedule.policies)
    return f"{said}, if its condition holds" if schedule.when is not None else said


def sentence(spec: Spec, policies: Policies | None = None) -> str:
    """`At 02:00, Monday through Friday (Europe/Berlin)`, with what the policies leave out or delay."""
    said = f"{_rule(spec)} ({spec.timezone})"
    if policies is None:
        return said
    if policies.start is not None:
        said += f", from {policies.start:%Y-%m-%d %H:%M}"
    if policies.end is not None:
        said += f", until {policies.end:%Y-%m-%d %H:%M}"
    if policies.exclude:
        said += ", except on excluded days"
    if policies.jitter:
        said += f", up to {format_duration(policies.jitter)} later"
    return said


def _rule(spec: Spec) -> str:
    match spec:
        case CronSpec():
            return "; or ".join(map(cron_words, spec.expressions))
        case EverySpec():
            unit = spec.unit.value if spec.count == 1 else f"{spec.count} {spec.unit.value}s"
            anchored = f", counted from {spec.anchor_wall:%Y-%m-%d %H:%M}" if spec.anchor else ""
            return f"Every {unit}{anchored}"
        case RRuleSpec():
            return "; or ".join(map(_rrule, spec.rules))
        case AtSpec():
            shown = [f"{each:%Y-%m-%d %H:%M}" for each in spec.instants[:_MOST]]
            more = len(spec.instants) - len(shown)
            return f"Once, at {shown[0]}" if len(spec.instants) == 1 else _several(shown, more)


def _several(shown: list[str], more: int) -> str:
    return f"At {', '.join(shown)}" + (f" and {more} more" if more else "")


def _rrule(rule: str) -> str:
    parts: dict[str, str] = dict(
        pair.split("=", 1) for pair in rule.upper().removeprefix("RRULE:").split(";") if "=" in pair
    )
    period = _PERIODS.get(parts.get("FREQ", ""))
    if period is None or not parts.keys() <= _SAID:
        return rule
    count = parts.get("INTERVAL", "1")
    said = f"Every {period}" if count == "1" else f"Every {count} {period}s"
    if "BYDAY" in parts:
        said += f" on {joined([_day(each) for each in parts['BYDAY'].split(',')])}"
    if "BYMONTHDAY" in parts:
        days = ["the last day" if each == "-1" else f"day {each}" for each in parts["BYMONTHDAY"].split(",")]
        said += f" on {joined(days)}"
    if "BYMONTH" in parts:
        said += f" in {joined([MONTHS[int(each) - 1] for each in parts['BYMONTH'].split(',')])}"
    said += _clock(parts)
    if "COUNT" in parts:
        said += f", {parts['COUNT']} times"
    if "UNTIL" in parts:
        until = parts["UNTIL"]
        said += f", until {until[:4]}-{until[4:6]}-{until[6:8]}"
    return said


def _clock(parts: Mapping[str, str]) -> str:
    if "BYHOUR" not in parts:
        return f" at minute {parts['BYMINUTE']}" if "BYMINUTE" in parts else ""
    minutes = parts.get("BYMINUTE", "0").split(",")
    times = [f"{int(hour):02}:{int(minute):02}" for hour in parts["BYHOUR"].split(",") for minute in minutes]
    return f" at {joined(times)}"


def _day(text: str) -> str:
    name, ordinal = _DAYS.get(text[-2:], text), text[:-2].removeprefix("+")
    return f"the {ORDINALS.get(ordinal, ordinal + '.')} {name}" if ordinal else name
