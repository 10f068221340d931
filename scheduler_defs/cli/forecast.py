"""`signalbox forecast`: what will run when, against which limits, and where runs will pile up."""

from __future__ import annotations

import datetime as dt
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler_defs import settings
from scheduler_defs.cli.connection import adopt_stack_environment
from scheduler_defs.cli.loaded import declared
from scheduler_defs.cli.output import print_json, print_table, say
from scheduler_defs.cli.runs import AsJson
from scheduler_defs.errors import SignalboxError, UsageError

if TYPE_CHECKING:
    from scheduler_defs.declarations.models import Declarations
    from scheduler_defs.forecasting.document import Course
    from scheduler_defs.forecasting.planning import Known

LONGEST = dt.timedelta(days=366)
_STEPS_SECONDS = (60, 300, 900, 1800, 3600, 10_800, 21_600, 86_400)
_MOST_STEPS = 700


def forecast(
    from_: Annotated[
        str | None, typer.Option("--from", help="ISO 8601 instant; the current minute when left out.")
    ] = None,
    to: Annotated[str, typer.Option(help="ISO 8601 instant, or how long from there: 12h, 7d.")] = "1d",
    timezone: Annotated[
        str | None, typer.Option(help="Zone of the times, given and shown; this machine's when left out.")
    ] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Runs that the workers do at once; any number when left out.")
    ] = None,
    assume: Annotated[
        str, typer.Option(help="How long runs take of which nothing is known, nor declared as `expected`.")
    ] = "1m",
    offline: Annotated[bool, typer.Option("--offline", help="Ask no stack: the files alone.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page with a timeline.")] = None,
    as_json: AsJson = False,
) -> None:
    """What will run when, and where it will pile up. Needs no running stack."""
    from scheduler_defs.forecasting.document import Course, document
    from scheduler_defs.forecasting.planning import Known, plan
    from scheduler_defs.timing.forecast import forecast as play

    if html is not None and as_json:
        raise UsageError("--html and --json exclude each other; give one")
    place = _place(timezone)
    begin, end = window(from_, to, place, dt.datetime.now(dt.UTC))
    gc.disable()  # a million small objects that all live to the end: looking for garbage takes seconds
    declarations = declared()
    known, basis = (Known(), "From the files alone.") if offline else _known(declarations)
    planned = plan(declarations, begin, known=known, assumed=_duration("--assume", assume), slots=slots)
    course = Course(planned, play(planned.planned, planned.limits, begin, end, _step(begin, end)), place)
    if html is not None:
        from scheduler_defs.forecasting.page import page

        zone = timezone or dt.datetime.now().astimezone().tzname() or "local time"
        _write(html, page(course, basis=basis, zone=zone))
    elif as_json:
        print_json({**document(course), "basis": basis})
    else:
        _print(course, basis)


def window(
    from_: str | None, to: str, place: dt.tzinfo | None, now: dt.datetime
) -> tuple[dt.datetime, dt.datetime]:
    """The instants from and to which to look. `place` None: this machine's zone. Raises UsageError."""
    begin = now.replace(second=0, microsecond=0) if from_ is None else _instant("--from", from_, place)
    try:
        end = begin + _duration("--to", to)
    except UsageError:
        end = _instant("--to", to, place)
    if end <= begin:
        raise UsageError(f"--to {to!r} ({end.isoformat()}) is not after --from ({begin.isoformat()})")
    if end - begin > LONGEST:
        raise UsageError(f"--to {to!r} is {(end - begin).days} days after --from; at most {LONGEST.days}")
    return begin, end


def _instant(option: str, text: str, place: dt.tzinfo | None) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is neither an ISO 8601 instant such as 2026-12-31T23:00"
            + (" nor a duration such as 7d" if option == "--to" else "")
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=place) if place is not None else moment.astimezone()
    return moment.astimezone(dt.UTC)


def _duration(option: str, text: str) -> dt.timedelta:
    from scheduler_defs.timing import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _place(timezone: str | None) -> dt.tzinfo | None:
    from scheduler_defs.timing import zone

    try:
        return zone(timezone) if timezone is not None else None
    except ValueError as error:
        raise UsageError(f"--timezone: {error}") from None


def _step(begin: dt.datetime, end: dt.datetime) -> dt.timedelta:
    """How finely the course of concurrency is shown."""
    total = (end - begin).total_seconds()
    seconds = next((step for step in _STEPS_SECONDS if total / step <= _MOST_STEPS), _STEPS_SECONDS[-1])
    return dt.timedelta(seconds=seconds)


def _known(declarations: Declarations) -> tuple[Known, str]:
    """What the running instance knows, as far as it answers, and a sentence that says which parts did."""
    from scheduler_defs.forecasting.planning import Known

    adopt_stack_environment()
    if settings.settings().postgres_url is None:
        return Known(), "From the files alone: no stack is running."
    from sqlalchemy.exc import SQLAlchemyError

    from scheduler_defs import database
    from scheduler_defs.evaluation.anticipated import all_anticipated
    from scheduler_defs.evaluation.pauses import read_pauses
    from scheduler_defs.forecasting.history import median_durations

    try:
        medians, pauses = median_durations(database.engine()), read_pauses(database.engine())
        anticipated = all_anticipated(database.engine(), list(declarations.schedules))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        say(f"signalbox: the database does not answer, so the files alone count: {reason}")
        return Known(), "From the files alone: the database does not answer."
    known = Known(medians, pauses, _switches(declarations), anticipated)
    return known, "Durations are medians of the history, where there is one; switches and pauses as they are."


def _switches(declarations: Declarations) -> dict[str, bool]:
    url = settings.settings().ui_url
    if url is None:
        return {}
    from scheduler_defs.declarations.names import dagster_name
    from scheduler_defs.graphql.client import GraphQLClient
    from scheduler_defs.graphql.schedules import instance_states

    try:
        states = instance_states(GraphQLClient(url, timeout_seconds=10))
    except SignalboxError as error:
        say(f"signalbox: switches are taken from the files: {error}")
        return {}
    names = {dagster_name(name): name for name in declarations.schedules}
    return {names[name]: state["status"] == "RUNNING" for name, state in states.items() if name in names}


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


def _length(seconds: float) -> str:
    from scheduler_defs.timing import format_duration

    return f"{seconds:.3g}s" if seconds < 60 else format_duration(dt.timedelta(seconds=round(seconds)))
