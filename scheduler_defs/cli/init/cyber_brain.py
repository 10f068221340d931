"""Cyber Brain's schedules as declarations: its API's answer, or `manage.py dumpdata` of them, as JSON."""

from __future__ import annotations

import json
from typing import Any

from scheduler_defs.cli.init.translation import Translation
from scheduler_defs.errors import SignalboxError

JOBS = {"log_triage": "log_triage", "gpu_report": "gpu_report", "service_map": "service_map"}
"""Its jobs that come along here, under the same names."""


def read(text: str, name: str) -> Translation:
    """Raises SignalboxError for what is neither."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise SignalboxError(f"{name}: not JSON: {error}") from None
    rows = document.get("results", document.get("schedules")) if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise SignalboxError(f"{name}: a JSON array of schedules is expected")
    carried = Translation()
    for row in rows:
        fields = row.get("fields", row) if isinstance(row, dict) else {}
        if isinstance(fields, dict) and "schedule_type" in fields:
            _one(carried, fields)
    if not carried.schedules and not carried.notes:
        raise SignalboxError(f"{name}: no schedule in it (`schedule_type` is missing)")
    return carried


def _one(carried: Translation, row: dict[str, Any]) -> None:
    name, job = str(row.get("name") or "schedule"), str(row.get("job") or "")
    if job not in JOBS:
        carried.note(name, f"job {job!r} is unknown here: declare it, and then the schedule")
        return
    minutes = row.get("interval_minutes")
    timing = (
        {"every": f"{minutes}m"} if row["schedule_type"] == "interval" else {"cron": row.get("cron_expr")}
    )
    if None in timing.values() or (minutes is None and "every" in timing):
        carried.note(name, f"schedule_type {row['schedule_type']!r} without its rule")
        return
    for key in ("custom_directive_text", "task3_scope", "directive"):
        if row.get(key):
            carried.note(name, f"{key}: declare a directive, or the job's config:, and name it here")
    carried.schedules[carried.free_name(name)] = {
        "job": JOBS[job],
        **timing,
        "timezone": row.get("timezone") or "UTC",
        "enabled": bool(row.get("enabled", True)),
        **{key: row[key] for key in ("max_global", "max_per_job") if row.get(key)},
    }
