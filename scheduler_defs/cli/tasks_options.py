"""Options that several `signalbox tasks` commands share, and what they print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.output import print_json, say
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from resources.task_queue.models import Task

STATUSES = ("idle", "working", "complete", "failed", "canceled")

Ids = Annotated[list[int], typer.Argument(help="Task ids.", min=1)]
Id = Annotated[int, typer.Argument(help="Task id.", min=1)]
By = Annotated[str | None, typer.Option("--by", help="Who does this; default: the user, or the agent.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and show, but change nothing.")]
Queue = Annotated[str | None, typer.Option(help="Only tasks of this queue.")]
Status = Annotated[str | None, typer.Option(help=f"One of {', '.join(STATUSES)}.")]


def report(tasks: list[Task], as_json: bool, message: str) -> None:
    """Print the tasks as JSON, one alone or a list; or the message."""
    from resources.task_queue.shown import task_object

    if not as_json:
        say(message)
    elif len(tasks) == 1:
        print_json(task_object(tasks[0]))
    else:
        print_json([task_object(task) for task in tasks])


def statuses(status: str | None) -> tuple[Any, ...]:
    """`--status` as a condition of a query; none when it is not given."""
    from scheduler_defs.matching import TaskStatus

    if status is None:
        return ()
    if status not in STATUSES:
        raise SignalboxError(f"--status {status!r}: allowed are {', '.join(STATUSES)}")
    return (TaskStatus(status),)
