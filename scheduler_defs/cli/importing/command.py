"""`signalbox import`: declarations from other systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.terminal.output import print_json, print_text, say
from scheduler_defs.errors import SignalboxError

app = typer.Typer(help="Bring declarations over from another system.")

_HEADER = "# yaml-language-server: $schema=../docs/schemas/agents.json\n# From TinyScheduler.\n\n"


@app.callback()
def importing() -> None:
    """Bring declarations over from another system."""


@app.command("tinyscheduler")
def tinyscheduler_command(
    env_file: Annotated[Path, typer.Option("--env-file", help="tinyscheduler.env")],
    control: Annotated[
        Path | None, typer.Option(help="agent-control.json; without it, as TinyScheduler's legacy mode.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Write here, e.g. config/agents.yaml; default: stdout.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write the agents.yaml that equals TinyScheduler's files; say what could not be carried over."""
    import yaml

    from scheduler_defs.cli.importing.tinyscheduler import read_env, translate
    from scheduler_defs.settings import settings

    folder = settings().recipes
    recipes = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    found = translate(read_env(_read(env_file)), read_control(control), recipes)
    text = _HEADER + yaml.safe_dump(
        dict(found.document), sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )
    if to is not None and to.exists() and not force and not dry_run:
        raise SignalboxError(f"{to} is there already; --force replaces it")
    if to is not None and not dry_run:
        try:
            to.write_text(text, encoding="utf-8")
        except OSError as error:
            raise SignalboxError(f"{to}: {error.strerror}") from None
    if as_json:
        print_json({"declarations": found.document, "notes": found.notes, "written": str(to) if to else None})
        return
    if to is None or dry_run:
        print_text(text)
    else:
        say(f"written to {to}; `signalbox check` looks at it")
    for note in found.notes:
        say(f"note: {note}")


def read_control(path: Path | None) -> list[Any] | None:
    """agent-control.json, if there is one. Raises SignalboxError."""
    import json

    if path is None:
        return None
    try:
        entries = json.loads(_read(path))
    except ValueError as error:
        raise SignalboxError(f"{path}: not JSON: {error}") from None
    if not isinstance(entries, list) or not entries:
        raise SignalboxError(f"{path}: a JSON array of agents is expected")
    return entries


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SignalboxError(f"{path}: {error}") from None
