"""`signalbox audit`: who changed what, and whether the record of it is whole."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import here, local_time, print_json, print_table, say
from scheduler_defs.cli.terminal.progress import working
from scheduler_defs.errors import SignalboxError, UsageError

app = typer.Typer(help="List, show, export, verify and checkpoint the audit.")

Since = Annotated[str | None, typer.Option("--since", metavar="ISO", help="From this instant on.")]
Until = Annotated[str | None, typer.Option("--until", metavar="ISO", help="Up to and with this instant.")]
Actor = Annotated[str | None, typer.Option("--actor", help="Only what this person, token or part did.")]
Deed = Annotated[
    str | None, typer.Option("--action", help="Only this deed, or all of a kind: run, schedule.paused.")
]
Subject = Annotated[str | None, typer.Option("--subject", help="Only about this: schedule:nightly, run:ID.")]


@app.command("list")
def list_entries(
    since: Since = None,
    until: Until = None,
    actor: Actor = None,
    action: Deed = None,
    subject: Subject = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What was changed, newest first."""
    from scheduler_defs.audit.store import Query, as_rows, read
    from scheduler_defs.cli.terminal.connection import database_engine

    query = Query(_instant(since), _instant(until), actor, action, subject, most=limit)
    with database_engine().connect() as connection:
        found = read(connection, query)
    if as_json:
        print_json(as_rows(found))
        return
    print_table(
        ("SEQUENCE", here("AT"), "ACTOR", "CHANNEL", "ACTION", "SUBJECT", "REASON"),
        [
            (
                entry.sequence or "new",
                local_time(entry.at),
                *(entry.actor, entry.channel, entry.action, entry.subject, entry.reason),
            )
            for entry in found
        ],
        empty="nothing is recorded that fits",
    )


@app.command("show")
def show(
    sequence: Annotated[int, typer.Argument(min=1, help="The entry's place in the chain.")],
    as_json: AsJson = False,
) -> None:
    """One entry whole, with what was before and after."""
    from scheduler_defs.audit.store import as_rows, one
    from scheduler_defs.cli.terminal.connection import database_engine

    with database_engine().connect() as connection:
        found = one(connection, sequence)
    if found is None:
        raise SignalboxError(f"the audit has no entry {sequence}")
    row = as_rows([found])[0]
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        if value is not None:
            shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
            sys.stdout.write(f"{name:<11} {shown}\n")


@app.command("export")
def export(since: Since = None, until: Until = None) -> None:
    """Sealed entries in the order of the chain, one JSON object a line: all that is needed to verify them."""
    from scheduler_defs.audit.chain import canonical_time
    from scheduler_defs.audit.store import statement
    from scheduler_defs.cli.terminal.connection import database_engine

    window = {"since": _instant(since), "until": _instant(until), "after_sequence": 0}
    with database_engine().connect() as connection:
        rows = connection.execution_options(stream_results=True).execute(statement("chain"), window)
        for row in rows.mappings():
            sys.stdout.write(json.dumps({**row, "at": canonical_time(row["at"])}, ensure_ascii=False) + "\n")


@app.command("verify")
def verify_chain(
    since: Annotated[
        str | None, typer.Option("--from", metavar="ISO", help="Only entries from this instant on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="ISO", help="Only entries up to and with this instant.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Also hold the chain against this signed checkpoint.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whether an entry was changed, removed, inserted, reordered or cut off. Exits 1 if so."""
    from scheduler_defs.acting.verifying import verify_chain as verified
    from scheduler_defs.cli.terminal.connection import database_engine
    from scheduler_defs.cli.terminal.declarations import in_force

    with working("verifying the chain"):
        found = verified(
            database_engine(),
            _folder(),
            since=_instant(since),
            until=_instant(until),
            checkpoint=checkpoint,
            places=in_force().audit.checkpoints,
        )
    document, problems = found.document, found.problems
    if as_json:
        print_json(document)
    elif not problems:
        against = (
            f", held against {found.checkpoints} signed checkpoint{'' if found.checkpoints == 1 else 's'}"
        )
        say(f"{document['entries']} entries are as they were sealed ({_span(document)}){against}")
    else:
        print_table(
            ("SEQUENCE", "PROBLEM", "DETAIL"),
            [(problem.sequence or "", problem.problem, problem.detail) for problem in problems],
            empty="",
        )
    if problems:
        raise typer.Exit(1)


@app.command("checkpoint")
def make_checkpoint(
    to: Annotated[Path | None, typer.Option("--to", help="Also write it into this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Seal what is new, and sign where the chain stands. Keep the file where the database is not."""
    from scheduler_defs.audit import checkpoints
    from scheduler_defs.audit.sealing import seal
    from scheduler_defs.audit.signing import signing_key
    from scheduler_defs.cli.terminal.connection import database_engine

    engine = database_engine()
    seal(engine)
    with engine.connect() as connection:
        made = checkpoints.make(connection, signing_key(_folder()), dt.datetime.now(dt.UTC))
    if made is None:
        raise SignalboxError("nothing is recorded yet, so there is nothing to sign")
    files = [checkpoints.write(folder, made) for folder in (_folder() / "checkpoints", to) if folder]
    if as_json:
        print_json({"sequence": made.sequence, "hash": made.hash, "at": made.at, "files": files})
    else:
        say(f"signed entry {made.sequence}: {', '.join(map(str, files))}")


def _folder() -> Path:
    from scheduler_defs.settings import settings

    return settings().state / "audit"


def _span(document: dict[str, Any]) -> str:
    return f"{document['first']} to {document['last']}" if document["entries"] else "none"


def _instant(given: str | None) -> dt.datetime | None:
    if given is None:
        return None
    try:
        return dt.datetime.fromisoformat(given).astimezone()
    except ValueError as error:
        raise UsageError(
            f"{given!r} is no instant; write one as 2026-03-01T08:00 or with an offset"
        ) from error
