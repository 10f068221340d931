"""Options that several `signalbox tasks` commands share, and what they print."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.terminal.completion import MOST, beginning
from scheduler_defs.cli.terminal.output import print_json, say
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from scheduler_defs.agents.task_queue.models import Task


def _tasks() -> Iterable[str]:
    from scheduler_defs.agents.task_queue.models import TaskQuery
    from scheduler_defs.cli.agents.opening import open_place

    return (str(task.id) for task in open_place().task_queue.find(TaskQuery(limit=MOST)))


task_ids = beginning(_tasks)

STATUSES = ("idle", "working", "complete", "failed", "canceled", "waiting_for_human")

Ids = Annotated[list[int], typer.Argument(help="Task ids.", min=1, autocompletion=task_ids)]
Id = Annotated[int, typer.Argument(help="Task id.", min=1, autocompletion=task_ids)]
By = Annotated[str | None, typer.Option("--by", help="Who does this; default: the user, or the agent.")]
Queue = Annotated[str | None, typer.Option(help="Only tasks of this queue.")]
Status = Annotated[str | None, typer.Option(help=f"One of {', '.join(STATUSES)}; list also knows blocked.")]


def report(tasks: list[Task], as_json: bool, message: str) -> None:
    """Print the tasks as JSON, one alone or a list; or the message."""
    from scheduler_defs.agents.task_queue.objects import task_object

    if not as_json:
        say(message)
    elif len(tasks) == 1:
        print_json(task_object(tasks[0]))
    else:
        print_json([task_object(task) for task in tasks])


def statuses(status: str | None) -> tuple[Any, ...]:
    """`--status` as a condition of a query; none when it is not given."""
    from scheduler_defs.agents.deciding import TaskStatus

    if status is None:
        return ()
    if status not in STATUSES:
        raise SignalboxError(f"--status {status!r}: allowed are {', '.join(STATUSES)}")
    return (TaskStatus(status),)
