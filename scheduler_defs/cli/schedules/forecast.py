"""`signalbox forecast`: what will run when, against which limits, and where runs will pile up."""

from __future__ import annotations

import datetime as dt
import gc
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs import settings
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.declarations import load_declared
from scheduler_defs.cli.terminal.output import print_json, print_table, say
from scheduler_defs.cli.terminal.progress import working
from scheduler_defs.errors import SignalboxError, UsageError
from scheduler_defs.running_stack import adopt

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.declared import Declarations
    from scheduler_defs.forecasting.document import Course
    from scheduler_defs.forecasting.planning import Known


def forecast(
    from_: Annotated[
        str | None, typer.Option("--from", help="ISO 8601 instant; the current minute when left out.")
    ] = None,
    to: Annotated[str, typer.Option(help="ISO 8601 instant, or how long from there: 12h, 7d.")] = "1d",
    timezone: Annotated[
        str | None, typer.Option(help="Zone of the times, given and shown; this machine's when left out.")
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Runs that the workers do at once; by default the stack's slots.",
        ),
    ] = None,
    assume: Annotated[
        str, typer.Option(help="How long runs take of which nothing is known, nor declared as `expected`.")
    ] = "1m",
    offline: Annotated[bool, typer.Option("--offline", help="Ask no stack: the files alone.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page with a timeline.")] = None,
    as_json: AsJson = False,
) -> None:
    """What will run when, and where it will pile up. Needs no running stack."""
    from scheduler_defs.acting.forecast import course as played
    from scheduler_defs.acting.forecast import duration, window, zone_of
    from scheduler_defs.forecasting.document import document
    from scheduler_defs.forecasting.planning import Known

    if html is not None and as_json:
        raise UsageError("--html and --json exclude each other; give one")
    place = zone_of("--timezone", timezone)
    begin, end = window(from_, to, place, dt.datetime.now(dt.UTC))
    gc.disable()  # a million small objects that all live to the end: looking for garbage takes seconds
    declarations = load_declared()
    known, basis = (Known(), "From the files alone.") if offline else _known(declarations)
    assumed = duration("--assume", assume)
    with working("playing what will run"):
        course = played(declarations, begin, end, known=known, place=place, assumed=assumed, slots=slots)
    if html is not None:
        from scheduler_defs.forecasting.page import page

        zone = timezone or dt.datetime.now().astimezone().tzname() or "local time"
        _write(html, page(course, basis=basis, zone=zone))
        return
    tasks = {} if offline else _tasks(begin, end, assumed, place)
    if as_json:
        print_json({**document(course), "basis": basis, **tasks})
    else:
        _print(course, basis)
        _print_tasks(tasks)


def _known(declarations: Declarations) -> tuple[Known, str]:
    """What the running instance knows, as far as it answers, and a sentence that says which parts did."""
    from scheduler_defs.forecasting.planning import Known

    adopt()
    if settings.settings().postgres_url is None:
        return Known(), "From the files alone: no stack is running."
    from sqlalchemy.exc import SQLAlchemyError

    from scheduler_defs import database
    from scheduler_defs.acting.forecast import known_of

    try:
        known = known_of(database.engine(), declarations)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        say(f"signalbox: the database does not answer, so the files alone count: {reason}")
        return Known(), "From the files alone: the database does not answer."
    known = replace(known, switched_on=_switches(declarations))
    return (
        known,
        "Durations are medians of the history, where there is one; switches, pauses, slots as they are.",
    )


def _tasks(
    begin: dt.datetime, end: dt.datetime, assumed: dt.timedelta, zone: dt.tzinfo | None
) -> dict[str, Any]:
    """The agent queues' part, from now on: nothing, where that is outside the window or nobody answers."""
    from sqlalchemy.exc import SQLAlchemyError

    from scheduler_defs.acting.agent_queues.backlog import backlog_objects
    from scheduler_defs.cli.agents.opening import open_place

    now = dt.datetime.now(dt.UTC)
    if settings.settings().postgres_url is None or not begin <= now < end:
        return {}
    try:
        return backlog_objects(open_place(), now=now, until=end, assumed=assumed, zone=zone)
    except (SignalboxError, SQLAlchemyError) as error:
        say(f"signalbox: agent tasks are left out: {str(error).splitlines()[0]}")
        return {}


def _switches(declarations: Declarations) -> dict[str, bool]:
    url = settings.settings().ui_url
    if url is None:
        return {}
    from scheduler_defs.acting.forecast import switches_of
    from scheduler_defs.graphql.client import GraphQLClient

    try:
        return switches_of(GraphQLClient(url, timeout_seconds=10), declarations)
    except SignalboxError as error:
        say(f"signalbox: switches are taken from the files: {error}")
        return {}


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SignalboxError(f"--html {path}: {error.strerror}") from None
    say(f"written to {path} ({len(text.encode()) / 1e6:.1f} MB)")


def _print(course: Course, basis: str) -> None:
    from scheduler_defs.forecasting import document

    found = document.schedules(course)
    peak, peak_at = course.forecast.peaks.get("", (0, None))
    say(f"{course.iso(course.forecast.begin)} to {course.iso(course.forecast.end)}. {basis}")
    print_table(
        ("SCHEDULE", "JOB", "RUNS", "LEFT OUT", "UNSTARTED", "LONGEST WAIT", "EXPECTED", "KNOWN FROM"),
        [
            (
                *(row[key] for key in ("schedule", "job", "runs")),
                row["skipped"] or None,
                row["unstarted"] or None,
                _length(row["longest_wait_seconds"]) if row["longest_wait_seconds"] else None,
                _length(row["expected_seconds"]),
                row["expected_from"],
            )
            for row in found
        ],
        empty="no schedule is played",
    )
    limits = [(r["limit"], r["peak"], r["most"], r["peak_at"]) for r in document.limits(course)]
    if limits:
        sys.stdout.write("\n")
        print_table(("LIMIT", "MOST AT ONCE", "ALLOWED", "FIRST"), limits, empty="")
    if course.forecast.pileups:
        rows = [
            (
                each.limit,
                each.pile_ups,
                each.runs,
                _length(each.worst.longest_wait_seconds),
                each.worst.most_waiting,
                course.iso(each.worst.begin),
                ", ".join(name for name, _ in each.schedules.most_common(4)),
            )
            for each in document.waits(course)
        ]
        columns = ("RUNS WAIT AT", "TIMES", "RUNS", "LONGEST WAIT", "MOST WAITING", "WORST FROM", "SCHEDULES")
        sys.stdout.write("\n")
        print_table(columns, rows, empty="")
    if peak_at is not None:
        say(f"\n{len(course.forecast.runs)} runs, at most {peak} at once, first at {course.iso(peak_at)}")
    for name, why in course.plan.left_out.items():
        say(f"not in the forecast: {name}: {why}")


def _print_tasks(tasks: dict[str, Any]) -> None:
    rows = [each for each in tasks.get("queues", []) if each["waiting"] or each["working"]]
    if not rows:
        return
    sys.stdout.write("\n")
    columns = ("QUEUE", "WORKING", "WAITING", "NOT STARTED", "DONE BY")
    print_table(
        columns,
        [(r["queue"], r["working"], r["waiting"], r["unstarted"] or None, r["done_by"]) for r in rows],
        empty="",
    )


def _length(seconds: float) -> str:
    from scheduler_defs.timing import format_duration

    return f"{seconds:.3g}s" if seconds < 60 else format_duration(dt.timedelta(seconds=round(seconds)))
