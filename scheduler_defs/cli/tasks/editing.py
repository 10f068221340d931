"""`signalbox tasks set|link|stop|delete`: change a task, stop its run, remove it."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler_defs.cli.agents.opening import author, open_place
from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.tasks.adding import instant_of, json_object, refuse_past
from scheduler_defs.cli.tasks.options import By, Id, Ids, report
from scheduler_defs.cli.terminal.output import print_json, say
from scheduler_defs.errors import SignalboxError, UsageError


def set_command(
    task_id: Id,
    title: Annotated[str | None, typer.Option(help="What is to be done.")] = None,
    description: Annotated[str | None, typer.Option(help="All about it.")] = None,
    priority: Annotated[int | None, typer.Option(help="Higher goes first.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="All its tags; may be repeated.")] = None,
    needs: Annotated[list[str] | None, typer.Option(help="All it needs; may be repeated.")] = None,
    path: Annotated[
        list[str] | None, typer.Option(help="All paths that it reserves; may be repeated.")
    ] = None,
    payload: Annotated[str | None, typer.Option(help="A JSON object for the agent.")] = None,
    recipe: Annotated[str | None, typer.Option(help="A file of the recipes folder.")] = None,
    not_before: Annotated[str | None, typer.Option(help="An instant, or a duration from now: 90m.")] = None,
    deadline: Annotated[str | None, typer.Option(help="By when it is wanted, in the same way.")] = None,
    max_attempts: Annotated[int | None, typer.Option(min=1, help="Attempts at most.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given, and leave the rest. A run that works on the task has read it already."""
    from pydantic import ValidationError

    from scheduler_defs.agents.task_queue.new_task import TaskChanges

    given = {
        "title": title,
        "description": description,
        "priority": priority,
        "tags": tag,
        "capabilities": needs,
        "paths": path,
        "payload": json_object(payload),
        "recipe": recipe,
        "not_before": instant_of(not_before),
        "deadline": instant_of(deadline),
        "max_attempts": max_attempts,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted:
        raise UsageError("name what is to change, such as --title or --priority")
    try:
        changes = TaskChanges.model_validate(wanted)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "task"
        raise SignalboxError(f"{place}: {str(first['msg']).removeprefix('Value error, ')}") from None
    refuse_past(wanted.get("deadline"))
    task_queue = open_place().task_queue
    task_queue.change(task_id, changes, author=author(by))
    report([task_queue.get(task_id)], as_json, f"task {task_id}: {', '.join(sorted(wanted))} changed")


def link_command(
    task_id: Id,
    url: Annotated[str, typer.Argument(help="The page.")],
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Attach a page to a task."""
    if not url.startswith(("http://", "https://")):
        raise SignalboxError(f"{url!r}: an address that begins with http:// or https:// is wanted")
    task_queue = open_place().task_queue
    task_queue.link(task_id, url, description=description, author=author(by))
    report([task_queue.get(task_id)], as_json, f"task {task_id}: {url} attached")


def stop_command(task_id: Id, by: By = None, as_json: AsJson = False) -> None:
    """Take a task from the run that works on it, and end the run: back to idle, with all its attempts."""
    from scheduler_defs.cli.tasks.steering import cancel_run

    task_queue = open_place().task_queue
    task = task_queue.get(task_id)
    if task.status != "working":
        raise SignalboxError(f"task {task_id}: nobody works on it, it is {task.status}")
    # First the task: the run that is cancelled then has lost it, and its end changes nothing about it.
    task_queue.requeue(task_id, author=author(by))
    cancel_run(task_id)
    report([task_queue.get(task_id)], as_json, f"task {task_id} stopped, and put back to idle")


def delete_command(task_ids: Ids, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Remove tasks for good, with their comments. Tasks that others wait for are refused."""
    task_queue = open_place().task_queue
    for task_id in task_ids:
        task_queue.get(task_id)
        if not dry_run:
            task_queue.delete(task_id)
    if as_json:
        print_json({"deleted": [] if dry_run else task_ids})
    else:
        say(f"{len(task_ids)} task(s) {'could be' if dry_run else ''} deleted".replace("  ", " "))
