"""`signalbox schedules add|set|remove`: edit the YAML, show the difference, write nothing that is faulty."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.options import AsJson, DryRun, ScheduleName
from scheduler_defs.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from scheduler_defs.declarations.editing.edit import Edit, Editor

_PAIR = re.compile(r"[a-z_][\w.-]*=")


def add_command(
    name: ScheduleName,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]... [-- COMMAND...]", help="As in the file; the command of a new job."
        ),
    ] = None,
    every: Annotated[str | None, typer.Option(help="The same as every=VALUE.")] = None,
    cron: Annotated[str | None, typer.Option(help="The same as cron=VALUE.")] = None,
    at: Annotated[str | None, typer.Option(help="The same as at=VALUE.")] = None,
    file: Annotated[
        str | None, typer.Option("--file", help="File in the folder of the declarations; made if need be.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Declare a schedule: `schedules add nightly job=log_triage 'cron=0 2 * * *'`, or with a job of its own:
    `schedules add tidy --every 5m -- tidy --all`."""
    pairs, command = _split(words or [])
    rules = {"every": every, "cron": cron, "at": at}
    pairs += [f"{key}={value}" for key, value in rules.items() if value is not None]
    if not pairs:
        raise UsageError("nothing says when: give --every, --cron, --at, or KEY=VALUE")
    entry: dict[str, Any] = {}
    for path, value in _changes(pairs, ()).items():
        *parents, last = path.split(".")
        place = entry
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    finish(editor().add(name, entry, file=file, command=command), dry_run, as_json)


def set_command(
    name: ScheduleName,
    pairs: Annotated[
        list[str] | None,
        typer.Argument(help="KEY=VALUE, values as in the file; dots lead into mappings."),
    ] = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", help="Key to take away.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Change a schedule: `signalbox schedules set nightly every=6h retries.max_attempts=3 --unset jitter`."""
    if not pairs and not unset:
        raise UsageError("nothing to change: give KEY=VALUE, or --unset KEY")
    finish(editor().set(name, _changes(pairs or (), unset or ())), dry_run, as_json)


def remove_command(name: ScheduleName, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Take a schedule out of its file, with the comment right above it."""
    finish(editor().remove(name), dry_run, as_json)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """The words that set a key, and the command that follows them."""
    number = next((n for n, word in enumerate(words) if _PAIR.match(word) is None), len(words))
    return words[:number], words[number:]


def editor() -> Editor:
    """Of the schedules of the folder that the command is about."""
    import datetime as dt

    from scheduler_defs import settings
    from scheduler_defs.declarations.editing.edit import Editor

    where = settings.settings()
    return Editor(where.config, recipes=where.recipes, now=dt.datetime.now(dt.UTC))


def _database() -> Engine | None:
    """Of the running stack; None where there is none, or it does not answer."""
    from sqlalchemy.exc import SQLAlchemyError

    from scheduler_defs.cli.terminal.connection import database_engine
    from scheduler_defs.errors import NotReachableError

    try:
        engine = database_engine()
        with engine.connect():
            return engine
    except (NotReachableError, SQLAlchemyError):
        return None


def _changes(pairs: list[str] | tuple[()], unset: list[str] | tuple[()]) -> dict[str, Any]:
    from scheduler_defs.declarations.editing.edit import parse_value

    changes: dict[str, Any] = dict.fromkeys(unset)
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key or "" in key.split("."):
            raise UsageError(f"{pair!r}: write KEY=VALUE")
        if key in changes:
            raise UsageError(f"{key} is given twice")
        try:
            changes[key] = parse_value(text)
        except ValueError as error:
            raise UsageError(f"{key}: {error}") from None
    return changes


def finish(edit: Edit, dry_run: bool, as_json: bool, what: str = "") -> None:
    """Write the edit, unless it is only to be shown; `what` is added to the line that says so."""
    from scheduler_defs.acting.editing import write
    from scheduler_defs.cli.terminal.output import print_json, print_text, say

    if not dry_run and edit.changed:
        write(edit, _database())
    if as_json:
        written = edit.changed and not dry_run
        print_json(
            {
                "name": edit.name,
                "file": str(edit.path),
                "changed": edit.changed,
                "written": written,
                "diff": edit.diff,
            }
        )
        return
    print_text(edit.diff)
    if not edit.changed:
        say(f"{edit.path}: nothing to change")
    else:
        done = "would be changed" if dry_run else "changed"
        say(f"{edit.path}: {done}; {what}" if what else f"{edit.path}: {done}")
