"""The beat schedule of a Celery app as declarations: each sends its task to the app's own workers."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from scheduler_defs.cli.init.translation import Translation
from scheduler_defs.errors import SignalboxError
from scheduler_defs.timing import format_duration


def read(module: ModuleType) -> Translation:
    """The entries of the app in the module, or of its `beat_schedule`, `CELERY_BEAT_SCHEDULE`.

    Raises SignalboxError when it has none.
    """
    entries, zone = _beat_schedule(module)
    carried = Translation()
    for name, entry in entries.items():
        timing = _timing(entry.get("schedule"))
        if isinstance(timing, str):
            carried.note(name, timing)
            continue
        options = entry.get("options") or {}
        command = ["celery", "-A", module.__name__, "call", entry["task"]]
        for flag, value in (("--args", list(entry.get("args") or ())), ("--kwargs", entry.get("kwargs"))):
            command += [f"{flag}={json.dumps(value)}"] if value else []
        command += [f"--queue={options['queue']}"] if options.get("queue") else []
        schedule = {
            **timing,
            "timezone": zone if "cron" in timing else None,
            "misfire_grace": f"{options['expires']}s" if isinstance(options.get("expires"), int) else None,
            "priority": options.get("priority"),
        }
        carried.add(name, name, command, schedule)
    if carried.jobs:
        carried.note(
            module.__name__,
            "each job sends the task to your Celery workers; move its work into the job, in time",
        )
    return carried


def _beat_schedule(module: ModuleType) -> tuple[Mapping[str, Any], str | None]:
    from celery import Celery

    for value in vars(module).values():
        if isinstance(value, Celery) and value.conf.beat_schedule:
            return value.conf.beat_schedule, str(value.conf.timezone or "UTC")
    for name in ("beat_schedule", "CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE"):
        if isinstance(found := getattr(module, name, None), Mapping):
            zone = getattr(module, "CELERY_TIMEZONE", None) or getattr(module, "timezone", None)
            return found, str(zone) if zone else None
    raise SignalboxError(f"{module.__name__}: no Celery app with a beat_schedule in it, nor a beat_schedule")


def _timing(schedule: object) -> dict[str, Any] | str:
    """What says when; or why nothing does."""
    from celery.schedules import crontab
    from celery.schedules import schedule as interval

    if isinstance(schedule, int | float):
        schedule = dt.timedelta(seconds=schedule)
    if isinstance(schedule, crontab):
        fields = {
            name: str(getattr(schedule, f"_orig_{name}")).replace(" ", "")
            for name in ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
        }
        if fields["day_of_month"] != "*" and fields["day_of_week"] != "*":
            return "day of month and day of week must both match there; cron joins them by OR: see rrule"
        return {"cron": " ".join(fields.values())}
    if isinstance(schedule, interval):
        schedule = schedule.run_every
    if isinstance(schedule, dt.timedelta):
        return {"every": format_duration(schedule)}
    return f"{type(schedule).__name__}: no equivalent"
