"""`signalbox check`: every fault of the declarations, one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    config: Annotated[
        Path | None, typer.Option(help="Folder of the declarations (also SIGNALBOX_CONFIG).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Find every fault in the declarations. Exit code 1 if there is one."""
    import datetime as dt

    from scheduler_defs import settings
    from scheduler_defs.cli.output import print_json, say
    from scheduler_defs.declarations.loading import load

    where = settings.settings()
    folder = where.config if config is None else config.resolve()
    recipes = where.recipes if folder == where.config else folder.parent / "recipes"
    found = load(folder, recipes=recipes, now=dt.datetime.now(dt.UTC))
    if json:
        print_json({"ok": not found.problems, "problems": [each.model_dump() for each in found.problems]})
    else:
        for problem in found.problems:
            typer.echo(str(problem))
        say(_count(len(found.problems), len(found.sources.files)))
    if found.problems:
        raise typer.Exit(1)


def _count(problems: int, files: int) -> str:
    checked = f"{files} file{'' if files == 1 else 's'} checked"
    if not problems:
        return f"{checked}: no faults"
    return f"{checked}: {problems} fault{'' if problems == 1 else 's'}"
