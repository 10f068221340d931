"""`signalbox schedules`: list, show, run and switch schedules. `next` needs no stack."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.options import AsJson, ScheduleName
from scheduler_defs.cli.schedules.edits import add_command, remove_command, set_command
from scheduler_defs.cli.schedules.list import list_command, recorded
from scheduler_defs.cli.schedules.run import run_command
from scheduler_defs.cli.terminal.completion import schedule_names
from scheduler_defs.cli.terminal.connection import database_engine, graphql, quick_answer
from scheduler_defs.cli.terminal.declarations import declared_schedule, load_declared
from scheduler_defs.cli.terminal.output import here, local_time, print_json, print_record, print_table
from scheduler_defs.errors import NotReachableError, SignalboxError, UsageError

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.declared import Schedule

app = typer.Typer(help="List, show, run, switch and edit schedules.")
app.command("list")(list_command)
app.command("run")(run_command)
app.command("add")(add_command)
app.command("set")(set_command)
app.command("remove")(remove_command)


@app.command("show")
def show_command(name: ScheduleName, as_json: AsJson = False) -> None:
    """One schedule in full, with its next five occurrences."""
    from scheduler_defs.graphql.schedules import schedule_objects

    declarations = load_declared()
    schedule = declared_schedule(declarations, name)
    now = dt.datetime.now(dt.UTC)
    (row,) = schedule_objects(graphql(), [schedule], now, recorded([schedule]))
    row["next_five"] = upcoming(schedule, now, 5)
    row["declared"] = schedule.model_dump(mode="json", exclude={"timing", "policies"}, exclude_defaults=True)
    if as_json:
        print_json(row)
    else:
        print_record(row)


@app.command("next")
def next_command(
    name: Annotated[
        str | None, typer.Argument(help="Schedule name; all when left out.", autocompletion=schedule_names)
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="ISO 8601 instant; now when left out.")] = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 5,
    as_json: AsJson = False,
) -> None:
    """The next occurrences, from the files alone: no stack needed."""
    import heapq
    from itertools import islice

    from scheduler_defs.timing import occurrences, read_instant

    declarations = load_declared()
    chosen = [declared_schedule(declarations, name)] if name else list(declarations.schedules.values())
    start = dt.datetime.now(dt.UTC)

    def first(zone: str) -> dt.datetime:
        try:
            return read_instant(from_, zone) if from_ else start
        except ValueError as error:
            raise UsageError(f"--from: {error}") from error

    def stream(schedule: Schedule) -> Iterator[tuple[dt.datetime, str]]:
        after = first(schedule.timezone)
        due = occurrences(schedule.timing, after, schedule.policies)
        return ((instant, schedule.name) for instant in due)

    streams = [stream(schedule) for schedule in chosen if schedule.enabled or name]
    found = islice(heapq.merge(*streams, key=lambda pair: (pair[0].timestamp(), pair[1])), count)
    rows = [{"schedule": schedule, "due": due.isoformat()} for due, schedule in found]
    if as_json:
        print_json(rows)
        return
    print_table(("SCHEDULE", "DUE"), [(r["schedule"], r["due"]) for r in rows], empty="nothing more is due")


@app.command("enable")
def enable_command(name: ScheduleName, as_json: AsJson = False) -> None:
    """Switch it on, as the UI's switch does."""
    _switch(name, on=True, as_json=as_json)


@app.command("disable")
def disable_command(name: ScheduleName, as_json: AsJson = False) -> None:
    """Switch it off, as the UI's switch does."""
    _switch(name, on=False, as_json=as_json)


@app.command("pause")
def pause_command(
    name: ScheduleName,
    reason: Annotated[str | None, typer.Option(help="Why; shown in `list`.")] = None,
    until: Annotated[
        str | None,
        typer.Option(help="ISO 8601 instant, or a duration such as 36h; until `resume` when left out."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start nothing for a while. It resumes by itself, and does not catch up on what fell due meanwhile."""
    from scheduler_defs.evaluation.facts.pauses import pause
    from scheduler_defs.launching import current_actor

    schedule = declared_schedule(load_declared(), name)
    now = dt.datetime.now(dt.UTC)
    end = _instant_or_duration(until, now, schedule.timezone) if until else None
    if end is not None and end <= now:
        raise SignalboxError(f"--until {until!r} is in the past ({end.isoformat()})")
    changed = pause(database_engine(), name, actor=current_actor(), now=now, reason=reason, until=end)
    _say_switch({"name": name, "state": "paused", "changed": changed}, as_json)


@app.command("resume")
def resume_command(name: ScheduleName, as_json: AsJson = False) -> None:
    """End a pause. Occurrences are computed from now on."""
    from scheduler_defs.evaluation.facts.pauses import resume

    declared_schedule(load_declared(), name)
    changed = resume(database_engine(), name, now=dt.datetime.now(dt.UTC))
    _say_switch({"name": name, "state": "on", "changed": changed}, as_json)


@app.command("history")
def history_command(
    name: ScheduleName,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What became of each occurrence, the newest first."""
    rows = quick_answer("schedules", name, "history", limit=limit)
    if rows is None:
        from scheduler_defs.graphql.history import history

        rows = history(graphql(), database_engine(), declared_schedule(load_declared(), name), limit)
    if as_json:
        print_json(rows)
        return
    print_table(
        (
            here("DUE"),
            "OUTCOME",
            "STATUS",
            "TRIGGER",
            "ATTEMPT",
            "STARTED",
            "ENDED",
            "RUN",
            "REASON",
        ),
        [
            (
                local_time(r["scheduled_for"]),
                r["outcome"],
                r["status"],
                r["trigger"],
                r["attempt"],
                local_time(r["started"]),
                local_time(r["ended"]),
                (r["run_id"] or "")[:8],
                r["error"] or r["reason"],
            )
            for r in rows
        ],
        empty=f"{name} has no history yet",
    )


def upcoming(schedule: Any, now: dt.datetime, count: int) -> list[str]:
    """The next occurrences of a declared schedule, ISO 8601."""
    from itertools import islice

    from scheduler_defs.timing import occurrences

    return [due.isoformat() for due in islice(occurrences(schedule.timing, now, schedule.policies), count)]


def _switch(name: str, *, on: bool, as_json: bool) -> None:
    from scheduler_defs.graphql.schedules import switch

    schedule = declared_schedule(load_declared(), name)
    try:
        changed = switch(graphql(), schedule, on=on)
    except NotReachableError as error:
        raise NotReachableError(f"{name} was not switched: {error}") from error
    _say_switch({"name": name, "state": "on" if on else "off", "changed": changed}, as_json)


def _say_switch(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_table(("NAME", "STATE", "CHANGED"), [tuple(answer.values())], empty="")


def _instant_or_duration(text: str, now: dt.datetime, zone: str) -> dt.datetime:
    from scheduler_defs.timing import parse_duration, read_instant

    try:
        return now + parse_duration(text)
    except ValueError:
        pass
    try:
        return read_instant(text, zone)
    except ValueError as error:
        raise SignalboxError(
            f"--until {text!r} is neither a duration such as 36h nor an instant: {error}"
        ) from error
