"""`signalbox tasks import` and `export`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler_defs import settings
from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.tasks.options import Queue, Status, statuses
from scheduler_defs.cli.terminal.output import counted, print_json, print_text, say
from scheduler_defs.errors import SignalboxError, UsageError

if TYPE_CHECKING:
    from scheduler_defs.agents.task_queue.models import Task
    from scheduler_defs.agents.task_queue.new_task import NewTask


class Origin(StrEnum):
    """Other trackers whose tasks can be read."""

    BACKLOG = "backlog"
    """Backlog.md: a folder of tasks/*.md, or one file."""
    BEADS = "beads"
    """issues.jsonl."""
    GITHUB = "github"
    """Issues as JSON, from the API or `gh issue list --json number,title,body,state,labels`."""


def import_command(
    file: Annotated[Path, typer.Argument(help="JSON lines, as `export` writes them; - is stdin.")],
    origin: Annotated[
        Origin | None, typer.Option("--from", help=f"Another tracker: {', '.join(Origin)}; needs --queue.")
    ] = None,
    queue: Annotated[str | None, typer.Option(help="The queue, where a line names none.")] = None,
    existing_ids: Annotated[
        bool,
        typer.Option("--existing-ids", help="Other ids mean tasks of this database."),
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add tasks with what has happened to them; ids in the file only say which task waits for which."""
    from scheduler_defs.agents.task_queue.new_task import read_json_lines, refuse_foreign

    try:
        if origin is not None:
            tasks = _of_another(origin, file, queue)
        elif str(file) == "-":
            tasks = list(read_json_lines(sys.stdin, imported=True, queue=queue))
        else:
            with file.open(encoding="utf-8") as lines:
                tasks = list(read_json_lines(lines, imported=True, queue=queue))
    except (OSError, UnicodeDecodeError) as error:
        raise SignalboxError(f"{file}: {error}") from None
    if not existing_ids:
        refuse_foreign(tasks)
    if not dry_run:
        open_place().task_queue.add(tasks)
    if as_json:
        print_json({"imported": 0 if dry_run else len(tasks), "read": len(tasks)})
    else:
        say(f"{counted(len(tasks), 'task')} {'read' if dry_run else 'imported'}")


def _of_another(origin: Origin, file: Path, queue: str | None) -> list[NewTask]:
    from scheduler_defs.agents.task_queue.new_task import read_imported
    from scheduler_defs.cli.importing import foreign

    if queue is None:
        raise UsageError(f"--from {origin} needs --queue: the other tracker has none")
    if origin is Origin.BACKLOG:
        paths = sorted(file.glob("*.md")) if file.is_dir() else [file]
        texts = [(path.name, path.read_text(encoding="utf-8")) for path in paths]
        found = foreign.of_backlog(texts, queue)
    else:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        read = foreign.of_github(text, queue) if origin is Origin.GITHUB else None
        found = foreign.of_beads(text.splitlines(), queue) if read is None else read
    return [read_imported(each, where=f"{each.get('key', '?')}: ") for each in found]


def _to_another(to: Origin, tasks: list[Task], folder: Path | None) -> None:
    from scheduler_defs.cli.importing import outgoing

    if to is Origin.GITHUB:
        print_text(outgoing.to_github(tasks) + "\n")
    elif folder is None:
        print_text("".join(f"{line}\n" for line in outgoing.to_beads(tasks)))
    else:
        files = outgoing.to_backlog(tasks)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if there := next((name for name in files if (folder / name).exists()), None):
                raise SignalboxError(f"{folder / there} is there already; nothing was written")
            for name, text in files.items():
                (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise SignalboxError(f"{folder}: {error.strerror}") from None
        say(f"{counted(len(files), 'task')} written to {folder}")


def export_command(
    queue: Queue = None,
    status: Status = None,
    comments: Annotated[bool, typer.Option("--comments", help="With their comments (slower).")] = False,
    to: Annotated[
        Origin | None, typer.Option("--to", help=f"As another tracker has them: {', '.join(Origin)}.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="--to backlog: where its task files go; none there is replaced.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """All tasks as JSON lines on stdout, for `import`; or as another tracker reads them."""
    from scheduler_defs.agents.task_queue.models import TaskQuery
    from scheduler_defs.agents.task_queue.new_task import exported
    from scheduler_defs.agents.task_queue.objects import details_object, task_object

    if (to is Origin.BACKLOG) is (folder is None):
        raise UsageError("--to backlog needs --folder, and nothing else does: the others go to stdout")
    task_queue = open_place().task_queue
    if to is not None:
        _to_another(
            to, task_queue.find(TaskQuery(queue=queue, statuses=statuses(status), limit=None)), folder
        )
        return
    for task in task_queue.find(TaskQuery(queue=queue, statuses=statuses(status), limit=None)):
        shown = (
            details_object(task_queue.details(task.id), settings.settings().public_url)
            if comments
            else task_object(task)
        )
        print_json(exported(shown))
