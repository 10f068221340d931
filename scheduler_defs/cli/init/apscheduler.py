"""The jobs of APScheduler 3 as declarations. Known by the names of its classes: it need not be installed."""

from __future__ import annotations

import json
import re
from types import ModuleType
from typing import Any

from scheduler_defs.cli.init.translation import Translation
from scheduler_defs.errors import SignalboxError
from scheduler_defs.timing import format_duration

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIELDS = ("minute", "hour", "day", "month", "day_of_week")
_CALL = (
    "import importlib, json, operator, sys; module, name, given = sys.argv[1:]; "
    "args, kwargs = json.loads(given); "
    "operator.attrgetter(name)(importlib.import_module(module))(*args, **kwargs)"
)


def read(module: ModuleType) -> Translation:
    """The jobs of all schedulers in the module. Raises SignalboxError when there is none."""
    schedulers = [
        value
        for value in vars(module).values()
        if hasattr(value, "get_jobs") and hasattr(value, "add_job") and not isinstance(value, type)
    ]
    if not schedulers:
        raise SignalboxError(f"{module.__name__}: no scheduler of APScheduler in it")
    carried = Translation()
    for job in (job for scheduler in schedulers for job in scheduler.get_jobs()):
        target, _, function = str(job.func_ref).partition(":")
        try:
            arguments = json.dumps([list(job.args), dict(job.kwargs)])
        except TypeError:
            carried.note(str(job.id), "its arguments are objects; a command takes text")
            continue
        timing = _timing(job.trigger)
        if isinstance(timing, str):
            carried.note(str(job.id), timing)
            continue
        grace = getattr(job, "misfire_grace_time", None)
        schedule = {
            **timing,
            "misfire_grace": f"{grace}s" if grace else None,
            "max_per_job": getattr(job, "max_instances", None),
            "catch_up": "latest" if getattr(job, "coalesce", True) else "all",
        }
        carried.add(
            str(job.id), job.name or function, ["python3", "-c", _CALL, target, function, arguments], schedule
        )
    if carried.jobs:
        carried.note(
            module.__name__,
            "the jobs' Python is the one on the PATH of `signalbox up`: it must have your code",
        )
    return carried


def _timing(trigger: Any) -> dict[str, Any] | str:
    match type(trigger).__name__:
        case "CronTrigger":
            fields = {field.name: str(field) for field in trigger.fields}
            if (
                fields.get("second", "0") != "0"
                or fields.get("year", "*") != "*"
                or fields.get("week", "*") != "*"
            ):
                return "seconds, weeks and years have no cron here; see every, rrule and at"
            if "last" in fields["day"] or re.search(r"\d(st|nd|rd|th)", fields["day"]):
                return f"day {fields['day']!r}: see rrule"
            if fields["day"] != "*" and fields["day_of_week"] != "*":
                return "day and day_of_week must both match there; cron joins them by OR: see rrule"
            # Monday is 0 there, and 1 in cron.
            fields["day_of_week"] = re.sub(
                r"(?<!/)\b[0-6]\b", lambda day: _DAYS[int(day[0])], fields["day_of_week"]
            )
            return {"cron": " ".join(fields[name] for name in _FIELDS), "timezone": str(trigger.timezone)}
        case "IntervalTrigger":
            return {"every": format_duration(trigger.interval)}
        case "DateTrigger":
            return {"at": trigger.run_date.isoformat()}
        case other:
            return f"{other}: no equivalent"
