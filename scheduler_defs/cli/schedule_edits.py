"""`signalbox schedules add|set|remove`: edit the YAML, show the difference, write nothing that is faulty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.errors import UsageError

if TYPE_CHECKING:
    from scheduler_defs.declarations.edit import Edit, Editor

Name = Annotated[str, typer.Argument(help="Name of the schedule.")]
Pairs = Annotated[
    list[str], typer.Argument(help="KEY=VALUE, values as in the file; dots lead into mappings.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def add_command(
    name: Name,
    pairs: Pairs,
    file: Annotated[
        str | None, typer.Option("--file", help="File in the folder of the declarations; made if need be.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Declare a schedule: `signalbox schedules add nightly job=log_triage 'cron=0 2 * * *'`."""
    entry: dict[str, Any] = {}
    for path, value in _changes(pairs, ()).items():
        *parents, last = path.split(".")
        place = entry
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    _finish(_editor().add(name, entry, file=file), dry_run, as_json)


def set_command(
    name: Name,
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
    _finish(_editor().set(name, _changes(pairs or (), unset or ())), dry_run, as_json)


def remove_command(name: Name, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Take a schedule out of its file, with the comment right above it."""
    _finish(_editor().remove(name), dry_run, as_json)


def _editor() -> Editor:
    from scheduler_defs import settings
    from scheduler_defs.declarations.edit import Editor

    where = settings.settings()
    return Editor(where.config, recipes=where.recipes)


def _changes(pairs: list[str] | tuple[()], unset: list[str] | tuple[()]) -> dict[str, Any]:
    from scheduler_defs.declarations.edit import parse_value

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


def _finish(edit: Edit, dry_run: bool, as_json: bool) -> None:
    from scheduler_defs.cli.output import print_json, say

    if not dry_run and edit.changed:
        edit.write()
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
    typer.echo(edit.diff, nl=False)
    if not edit.changed:
        say(f"{edit.path}: nothing to change")
    else:
        say(f"{edit.path}: {'would be changed' if dry_run else 'changed'}")
