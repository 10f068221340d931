"""`signalbox prove`: every occurrence that was due, accounted for."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.connection import database_engine
from scheduler_defs.cli.terminal.output import here, local_time, print_json, print_table, say
from scheduler_defs.cli.terminal.progress import working
from scheduler_defs.errors import UsageError

WINDOW = dt.timedelta(days=1)


def prove(
    from_: Annotated[
        str | None, typer.Option("--from", help="ISO 8601 instant; a day before --to when left out.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="ISO 8601 instant; now when left out.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Only schedules of this name, which may hold *.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute what was due and account for each: run, skipped, missed. Exits 1 if anything is not."""
    from scheduler_defs.forecasting.replay import replay

    now = dt.datetime.now(dt.UTC)
    end = now if to is None else _instant("--to", to)
    begin = end - WINDOW if from_ is None else _instant("--from", from_)
    if end <= begin:
        raise UsageError(f"--to ({end.isoformat()}) is not after --from ({begin.isoformat()})")
    with working("recomputing what was due"):
        found = replay(database_engine(), begin, end, now, schedule)
    document = found.document()
    if as_json:
        print_json(document)
    else:
        counted = document["accounted"]
        say(
            f"{local_time(found.begin)} to {local_time(found.end)}: {document['due']} occurrences were due:"
            f" {counted['run']} run, {counted['skipped']} skipped, {counted['missed']} missed;"
            f" {document['problems_total']} not accounted for"
        )
        if document["problems"]:
            rows = [
                (each["schedule"], local_time(each["due"]), each["problem"], each["detail"])
                for each in document["problems"]
            ]
            print_table(("SCHEDULE", here("DUE"), "PROBLEM", "WHAT IS KNOWN"), rows, empty="")
    if not found.ok:
        raise typer.Exit(1)


def _instant(option: str, text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{option} {text!r} is not an ISO 8601 instant such as 2026-12-31T23:00") from None
    return moment.astimezone(dt.UTC)
