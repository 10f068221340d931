"""`signalbox tasks sync`: a folder of task files and a queue, in step."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scheduler_defs.cli.agents.opening import author, open_place
from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.tasks.options import By
from scheduler_defs.cli.terminal.output import print_json, print_table


class Side(StrEnum):
    """Whose word counts where both have changed the same field."""

    FILE = "file"
    QUEUE = "queue"


def sync_command(
    folder: Annotated[Path, typer.Argument(help="A folder of Markdown files with front matter.")],
    queue: Annotated[str, typer.Option(help="Of files that name none; its tasks get files.")],
    prefer: Annotated[
        Side | None, typer.Option(help="Which side counts where both have changed a field.")
    ] = None,
    by: By = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Bring task files and a queue into step: what one side has changed goes to the other.

    Where both have changed the same field nothing is overwritten: the conflict is named; exit code 1.
    """
    from scheduler_defs.agents.task_queue.files.syncing import Folder

    place = open_place()
    held = Folder(
        place.engine,
        place.task_queue,
        folder,
        queue,
        author(by),
        prefer=None if prefer is None else prefer.value,
        dry_run=dry_run,
    )
    steps = list(held.sync())
    faulty = [step for step in steps if step.what in ("conflict", "fault")]
    if as_json:
        shown = [
            {"file": step.file, "what": step.what, "task": step.task, "detail": step.detail} for step in steps
        ]
        print_json({"ok": not faulty, "dry_run": dry_run, "files": shown})
    else:
        rows = [(step.file, step.what, step.task, step.detail) for step in steps]
        print_table(("FILE", "", "TASK", ""), rows, empty="files and queue are in step")
    if faulty:
        raise typer.Exit(1)
