"""systemd timers, with the services that they start, as declarations."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scheduler_defs.cli.init.translation import Translation, with_environment, without_secrets

Unit = Mapping[str, Sequence[str]]
"""`Section.Key` -> its values in order; an empty value has cleared those before."""

_WORDS = {
    "minutely": "* * * * *", "hourly": "0 * * * *", "daily": "0 0 * * *", "monthly": "0 0 1 * *",
    "weekly": "0 0 * * 1", "yearly": "0 0 1 1 *", "annually": "0 0 1 1 *", "quarterly": "0 0 1 1,4,7,10 *",
    "semiannually": "0 0 1 1,7 *",
}  # fmt: skip
_SPAN = re.compile(r"(\d+)\s*([a-z]*)")
_SECONDS = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_NO_PLACE = {
    "Service.User": "jobs run as the user of the workers",
    "Service.EnvironmentFile": "set the variables for the workers, and name them in the job's env:",
    "Service.ExecStartPre": "put it and the command into a script, or declare steps",
    "Service.ExecStartPost": "put it and the command into a script, or declare steps",
    "Timer.OnBootSec": "a schedule is a time, and this is none",
    "Timer.OnStartupSec": "a schedule is a time, and this is none",
    "Timer.OnUnitInactiveSec": "an interval is counted from an anchor, not from the last run's end",
}


class NotCarriedOver(ValueError):
    """Why a value has no equivalent."""


def read(files: Sequence[Path]) -> Translation:
    """Timers among the files; their services are looked for among them, and beside each timer."""
    units = {path.name: parse(path.read_text(encoding="utf-8")) for path in files}
    carried = Translation()
    for path in files:
        if path.suffix != ".timer":
            continue
        timer = units[path.name]
        wanted = _last(timer, "Timer.Unit") or f"{path.stem}.service"
        beside = path.with_name(wanted)
        service = units.get(wanted) or (parse(beside.read_text("utf-8")) if beside.is_file() else None)
        if service is None:
            carried.note(path.name, f"{wanted} is neither given nor beside it")
            continue
        for key, why in _NO_PLACE.items():
            if {**timer, **service}.get(key):
                carried.note(path.name, f"{key.partition('.')[2]}: {why}")
        try:
            schedule = _schedule(timer)
            command, job = _job(carried, path.name, service)
        except NotCarriedOver as error:
            carried.note(path.name, str(error))
            continue
        carried.add(path.name, path.stem, command, schedule, **job)
    if not any(path.suffix == ".timer" for path in files):
        carried.note("systemd", "no .timer among the files")
    return carried


def parse(text: str) -> Unit:
    """A unit file: continued lines joined, comments left out."""
    found: dict[str, list[str]] = defaultdict(list)
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
        elif stripped and stripped[0] not in "#;" and "=" in stripped:
            key, _, value = stripped.partition("=")
            values = found[f"{section}.{key.strip()}"]
            if value.strip():
                values.append(value.strip())
            else:
                values.clear()
    return dict(found)


def _schedule(timer: Unit) -> dict[str, Any]:
    calendars, every = timer.get("Timer.OnCalendar", ()), _last(timer, "Timer.OnUnitActiveSec")
    if not calendars and every is None:
        raise NotCarriedOver("neither OnCalendar= nor OnUnitActiveSec=")
    found: dict[str, Any] = {"catch_up": "latest" if _last(timer, "Timer.Persistent") in _TRUE else "none"}
    if calendars:
        crons, zones = zip(*map(calendar, calendars), strict=True)
        if len(set(zones)) > 1:
            raise NotCarriedOver("OnCalendar= in several zones: a schedule has one")
        found |= {"cron": crons[0] if len(crons) == 1 else list(crons), "timezone": zones[0]}
    else:
        found["every"] = f"{seconds(every or '')}s"
    if jitter := _last(timer, "Timer.RandomizedDelaySec"):
        found["jitter"] = f"{seconds(jitter)}s"
    return found


def _job(carried: Translation, place: str, service: Unit) -> tuple[list[str], dict[str, Any]]:
    starts = service.get("Service.ExecStart", ())
    if len(starts) != 1:
        raise NotCarriedOver(f"{len(starts)} ExecStart= lines; a job has one command, or steps")
    command = shlex.split(starts[0].lstrip("-@:+!|"))
    if any(re.search(r"%[a-zA-Z]|\$\{?\w", word.replace("%%", "")) for word in command):
        raise NotCarriedOver("its ExecStart= has specifiers or variables of systemd; put it into a script")
    pairs = (
        word.partition("=") for line in service.get("Service.Environment", ()) for word in shlex.split(line)
    )
    variables = without_secrets(carried, place, {key: value for key, _, value in pairs})
    command = with_environment(variables, command)
    if folder := _last(service, "Service.WorkingDirectory"):
        command = ["env", "-C", folder.lstrip("-"), *command]
    limit = _last(service, "Service.RuntimeMaxSec") or _last(service, "Service.TimeoutStartSec")
    return [word.replace("%%", "%") for word in command], {
        "timeout": f"{seconds(limit)}s" if limit and limit != "infinity" else None
    }


def calendar(text: str) -> tuple[str, str | None]:
    """`Mon..Fri *-*-* 07:30:00 Europe/Berlin` as cron and zone. Raises NotCarriedOver."""
    words = text.split()
    zone = words.pop() if len(words) > 1 and re.fullmatch(r"[A-Z][\w+-]*(/[\w+/-]+)?", words[-1]) else None
    if len(words) == 1 and words[0].lower() in _WORDS:
        return _WORDS[words[0].lower()], zone
    weekdays, date, clock = "*", "*-*-*", "00:00:00"
    for word in words:
        if ":" in word:
            clock = word
        elif word[:1].isalpha():
            weekdays = word
        else:
            date = word
    parts = date.split("-")
    if "~" in date or len(parts) > 3 or (len(parts) == 3 and parts[0] not in ("*", "")):
        raise NotCarriedOver(
            f"OnCalendar={text}: years and days from a month's end have no cron; see rrule and at"
        )
    month, day = parts[-2], parts[-1]
    hour, minute, *second = clock.split(":")
    if second and not re.fullmatch("0+", second[0]):
        raise NotCarriedOver(f"OnCalendar={text}: cron has no seconds; `every: 10s` may do")
    if weekdays != "*" and day != "*":
        raise NotCarriedOver(f"OnCalendar={text}: cron joins day and weekday by OR; an rrule says AND")
    names = weekdays.lower().replace("..", "-")
    names = re.sub(r"([a-z]{3})[a-z]*", r"\1", names)
    fields = (_field(minute, 59), _field(hour, 23), _field(day, 31), _field(month, 12))
    return " ".join((*fields, names)), zone


def _field(text: str, most: int) -> str:
    """A component: lists, ranges, steps, and zeros in front that cron need not have."""

    def part(word: str) -> str:
        start, slash, step = word.partition("/")
        start = re.sub(r"\d+", lambda number: str(int(number[0])), start.replace("..", "-"))
        if slash and start.isdecimal():
            start = "*" if int(start) == 0 else f"{start}-{most}"
        return f"{start}/{step}" if slash else start

    return ",".join(map(part, text.split(",")))


def seconds(text: str) -> int:
    """`1h 30min` in seconds. Raises NotCarriedOver."""
    found = _SPAN.findall(text)
    if not found or _SPAN.sub("", text).strip() or any(unit not in _SECONDS for _, unit in found):
        raise NotCarriedOver(f"the span {text!r} is not understood")
    return sum(int(number) * _SECONDS[unit] for number, unit in found)


_TRUE = frozenset({"true", "yes", "on", "1"})


def _last(unit: Unit, key: str) -> str | None:
    values = unit.get(key)
    return values[-1] if values else None
