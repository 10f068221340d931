"""`signalbox schedules list`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.connection import database_engine, graphql, has_stack_declarations
from scheduler_defs.cli.terminal.declarations import load_declared, say_faults
from scheduler_defs.cli.terminal.output import here, local_time, print_json, print_table

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.declared import Schedule
    from scheduler_defs.evaluation.records import ScheduleRecords


def list_command(as_json: AsJson = False) -> None:
    """Every declared schedule by name: its rule, whether it is on, when it is next due, its last run."""
    rows = _rows()
    if as_json:
        print_json(rows)
        return
    print_table(
        ("NAME", "JOB", "RULE", "ZONE", "STATE", here("NEXT"), "LAST RUN"),
        [
            (r["name"], r["job"], r["spec"], r["timezone"], r["state"], local_time(r["next"]), _last(r))
            for r in rows
        ],
        empty="no schedules are declared",
    )


def recorded(schedules: Sequence[Schedule]) -> ScheduleRecords:
    """What the running stack's database knows of them."""
    from scheduler_defs.evaluation.records import read_recorded

    return read_recorded(database_engine(), schedules)


def _rows() -> list[dict[str, Any]]:
    """From the webserver, which has it all loaded; put together here where that is plain Dagster's."""
    from scheduler_defs.graphql.rest import listed_schedules

    client = graphql()
    listed = listed_schedules(client) if has_stack_declarations() else None
    if listed is not None:
        say_faults(listed.faults)
        return listed.schedules

    from scheduler_defs.graphql.schedules import schedule_objects

    schedules = sorted(load_declared().schedules.values(), key=lambda each: each.name)
    return schedule_objects(client, schedules, dt.datetime.now(dt.UTC), recorded(schedules))


def _last(row: dict[str, Any]) -> str:
    run = row["last_run"]
    return f"{run['status']} {local_time(run['created'])}" if run else ""
