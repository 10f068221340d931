"""`signalbox tasks import` and `export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scheduler_defs.cli.output import print_json, say
from scheduler_defs.cli.queues_opened import opened
from scheduler_defs.cli.runs import AsJson
from scheduler_defs.cli.tasks_options import DryRun, Queue, Status, statuses
from scheduler_defs.errors import SignalboxError


def import_command(
    file: Annotated[Path, typer.Argument(help="JSON lines, as `export` writes them; - is stdin.")],
    queue: Annotated[str | None, typer.Option(help="The queue, where a line names none.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add tasks with what has happened to them; ids in the file only say which task waits for which."""
    from resources.task_queue.new_task import read_json_lines

    try:
        if str(file) == "-":
            tasks = list(read_json_lines(sys.stdin, imported=True, queue=queue))
        else:
            with file.open(encoding="utf-8") as lines:
                tasks = list(read_json_lines(lines, imported=True, queue=queue))
    except (OSError, UnicodeDecodeError) as error:
        raise SignalboxError(f"{file}: {error}") from None
    if not dry_run:
        opened().task_queue.add(tasks)
    if as_json:
        print_json({"imported": 0 if dry_run else len(tasks), "read": len(tasks)})
    else:
        say(f"{len(tasks)} tasks {'read' if dry_run else 'imported'}")


def export_command(
    queue: Queue = None,
    status: Status = None,
    comments: Annotated[bool, typer.Option("--comments", help="With their comments (slower).")] = False,
    as_json: AsJson = False,
) -> None:
    """All tasks as JSON lines on stdout, for `import`."""
    from resources.task_queue.models import TaskQuery
    from resources.task_queue.new_task import exported
    from resources.task_queue.shown import details_object, task_object

    task_queue = opened().task_queue
    for task in task_queue.find(TaskQuery(queue=queue, statuses=statuses(status), limit=None)):
        shown = details_object(task_queue.details(task.id)) if comments else task_object(task)
        print_json(exported(shown))
