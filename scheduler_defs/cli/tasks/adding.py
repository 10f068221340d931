"""`signalbox tasks add`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler_defs.cli.agents.opening import author, open_place
from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.tasks.options import By, report
from scheduler_defs.cli.tasks.template import filled
from scheduler_defs.cli.terminal.output import counted, print_json, say
from scheduler_defs.errors import SignalboxError, UsageError


def add_command(
    title: Annotated[
        str | None, typer.Argument(help="What is to be done; without it, JSON lines are read from stdin.")
    ] = None,
    queue: Annotated[
        str | None, typer.Option(help="The queue; for JSON lines, where they name none.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="All about it.")] = None,
    priority: Annotated[int, typer.Option(help="Higher goes first.")] = 0,
    assign: Annotated[str | None, typer.Option(help="Only this agent is to do it.")] = None,
    blocked_by: Annotated[list[int] | None, typer.Option(help="A task to wait for; may be repeated.")] = None,
    needs: Annotated[list[str] | None, typer.Option(help="A capability; may be repeated.")] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(help="A path, or glob, that no other task works on meanwhile; may be repeated."),
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    recipe: Annotated[str | None, typer.Option(help="A file of the recipes folder.")] = None,
    payload: Annotated[str | None, typer.Option(help="A JSON object for the agent.")] = None,
    parent: Annotated[int | None, typer.Option(help="The task that this is a part of.")] = None,
    not_before: Annotated[str | None, typer.Option(help="An instant, or a duration from now: 90m.")] = None,
    deadline: Annotated[str | None, typer.Option(help="By when it is wanted, in the same way.")] = None,
    max_attempts: Annotated[int | None, typer.Option(min=1, help="Default: as its agent says.")] = None,
    template: Annotated[
        Path | None, typer.Option(help="A task file with gaps, here or in the recipes folder.")
    ] = None,
    gaps: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="GAP=TEXT", help="Fill a gap of the template; may be repeated."),
    ] = None,
    by: By = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add one task, or many from JSON lines on stdin.

    A line has the fields of the options; `key` names a task for others in the batch to wait for.
    """
    from scheduler_defs.agents.task_queue.new_task import read_json_lines, read_new_task

    if template is None and gaps:
        raise UsageError("--set fills the gaps of a --template")
    if title is None and template is None:
        _add_many(list(read_json_lines(sys.stdin, queue=queue, created_by=author(by))), dry_run, as_json)
        return
    given = {
        "title": title,
        "queue": queue,
        "description": description,
        "priority": priority,
        "assigned_to": assign,
        "blocked_by": blocked_by,
        "capabilities": needs,
        "paths": path,
        "tags": tag,
        "recipe": recipe,
        "payload": json_object(payload),
        "parent": parent,
        "not_before": instant_of(not_before),
        "deadline": instant_of(deadline),
        "max_attempts": max_attempts,
        "created_by": author(by),
    }
    refuse_past(given["deadline"])
    said = {name: value for name, value in given.items() if value is not None}
    if template is not None:
        base = filled(template, queue, gaps or [])
        if said["priority"] == 0:
            del said["priority"]
        said["tags"] = [*base.pop("tags"), *said.get("tags", ())]
        said = {**base, **said}
    elif queue is None:
        raise UsageError("--queue is missing: name the queue of the task")
    new = read_new_task(said)
    if dry_run:
        _show_new([new], as_json)
        return
    task_queue = open_place().task_queue
    (task_id,) = task_queue.add([new])
    report([task_queue.get(task_id)], as_json, f"task {task_id} added to {new.queue}")


def _add_many(tasks: list[Any], dry_run: bool, as_json: bool) -> None:
    from scheduler_defs.agents.task_queue.models import TaskQuery
    from scheduler_defs.agents.task_queue.objects import task_object

    if dry_run:
        _show_new(tasks, as_json)
        return
    if not tasks:
        raise SignalboxError("stdin has no tasks: give a title, or JSON lines on stdin")
    task_queue = open_place().task_queue
    ids = task_queue.add(tasks)
    if not as_json:
        say(f"{counted(len(ids), 'task')} added")
        return
    for start in range(0, len(ids), 1000):
        found = task_queue.find(TaskQuery(ids=tuple(ids[start : start + 1000]), limit=None))
        for task in found:
            print_json(task_object(task))


def _show_new(tasks: list[Any], as_json: bool) -> None:
    if as_json:
        for task in tasks:
            print_json(task.model_dump(mode="json"))
    else:
        say(f"{counted(len(tasks), 'task')} could be added")


def instant_of(text: str | None) -> Any:
    """An option that is an instant, or a duration from now."""
    import datetime as dt

    from scheduler_defs.agents.task_queue.new_task import instant

    return None if text is None else instant(text, now=dt.datetime.now(dt.UTC))


def json_object(text: str | None) -> Any:
    """An option that is a JSON object."""
    import json

    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SignalboxError(f"--payload: not JSON: {error}") from None
    if not isinstance(found, dict):
        raise SignalboxError(f"--payload: a JSON object is expected, not {type(found).__name__}")
    return found


def refuse_past(deadline: Any) -> None:
    """A deadline that has passed is a slip of the pen."""
    import datetime as dt

    if deadline is not None and deadline <= dt.datetime.now(dt.UTC):
        raise SignalboxError(f"--deadline {deadline.isoformat()} has passed")
