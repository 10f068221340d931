"""`signalbox tasks comment|block|unblock|assign|move|requeue|complete|fail|cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.output import say
from scheduler_defs.cli.queues_opened import author, opened
from scheduler_defs.cli.runs import AsJson
from scheduler_defs.cli.tasks_options import By, DryRun, Id, Ids, Queue, Status, report, statuses
from scheduler_defs.errors import UsageError

if TYPE_CHECKING:
    from resources.task_queue.models import Task
    from resources.task_queue.protocol import TaskQueue


def comment_command(
    task_id: Id,
    text: Annotated[str, typer.Argument(help="What to say.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Leave a comment."""
    task_queue = opened().task_queue
    task_queue.comment(task_id, text, author=author(by))
    report([task_queue.get(task_id)], as_json, f"task {task_id}: comment added")


def block_command(
    task_id: Id,
    blocker: Annotated[int, typer.Argument(help="The task to wait for.", min=1)],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Let a task wait for another one."""
    task_queue = opened().task_queue
    task_queue.block(task_id, blocker, author=author(by))
    report([task_queue.get(task_id)], as_json, f"task {task_id} waits for {blocker}")


def unblock_command(
    task_id: Id,
    blocker: Annotated[
        int | None, typer.Argument(help="The task not to wait for; default: any.", min=1)
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Let a task no longer wait for another one, or for any."""
    task_queue = opened().task_queue
    task_queue.unblock(task_id, blocker, author=author(by))
    report([task_queue.get(task_id)], as_json, f"task {task_id} waits for {blocker or 'nothing'} no longer")


def assign_command(
    task_id: Id,
    agent: Annotated[str | None, typer.Argument(help="The agent; without it, any of the pool.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Choose the agent for a task, or leave the choice to the pool."""
    place = opened()
    if agent is not None:
        place.agent(agent)
    place.task_queue.assign(task_id, agent, author=author(by))
    report([place.task_queue.get(task_id)], as_json, f"task {task_id} assigned to {agent or 'the pool'}")


def move_command(
    task_id: Id,
    queue: Annotated[str, typer.Argument(help="The queue.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Move a task to another queue: idle there, with all its attempts before it."""
    task_queue = opened().task_queue
    task_queue.move(task_id, queue, author=author(by))
    report([task_queue.get(task_id)], as_json, f"task {task_id} moved to {queue}")


def requeue_command(
    task_ids: Annotated[list[int] | None, typer.Argument(help="Task ids.", min=1)] = None,
    queue: Queue = None,
    status: Status = None,
    by: By = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Back to idle, with all attempts before it: these tasks, or all with a status (`--status failed`)."""
    task_queue = opened().task_queue
    chosen = _chosen(task_queue, task_ids, queue, status)
    if not dry_run:
        for task in chosen:
            task_queue.requeue(task.id, author=author(by))
        chosen = [task_queue.get(task.id) for task in chosen]
    report(chosen, as_json, f"{len(chosen)} task(s) {'to be put' if dry_run else 'put'} back to idle")


def complete_command(
    task_ids: Ids,
    result: Annotated[str | None, typer.Option(help="What came of it, as JSON or text.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that tasks are done."""
    task_queue = opened().task_queue
    for task_id in task_ids:
        task_queue.complete(task_id, result=_json_or_text(result), author=author(by))
    report([task_queue.get(task_id) for task_id in task_ids], as_json, "complete")


def fail_command(
    task_ids: Ids,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give tasks up: they go to the dead-letter state, and a person decides."""
    task_queue = opened().task_queue
    for task_id in task_ids:
        task_queue.fail(task_id, reason=reason, author=author(by))
    report([task_queue.get(task_id) for task_id in task_ids], as_json, "failed")


def cancel_command(
    task_ids: Ids,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that tasks are not to be done any more; their runs are cancelled, too."""
    place = opened()
    for task_id in task_ids:
        place.task_queue.cancel(task_id, reason=reason, author=author(by))
        _cancel_run(task_id)
    report([place.task_queue.get(task_id) for task_id in task_ids], as_json, "canceled")


def _chosen(
    task_queue: TaskQueue, task_ids: list[int] | None, queue: str | None, status: str | None
) -> list[Task]:
    from resources.task_queue.models import TaskQuery

    if task_ids:
        return [task_queue.get(task_id) for task_id in task_ids]
    if status is None:
        raise UsageError("name task ids, or --status (and --queue)")
    return task_queue.find(TaskQuery(queue=queue, statuses=statuses(status), limit=None))


def _cancel_run(task_id: int) -> None:
    """Cancel the task's run, if there is one and a stack to ask."""
    from scheduler_defs import tags
    from scheduler_defs.cli.connection import graphql
    from scheduler_defs.errors import NotReachableError
    from scheduler_defs.graphql.runs import cancel, list_runs

    try:
        client = graphql()
        going = ("QUEUED", "STARTING", "STARTED")
        for run in list_runs(client, with_tags={tags.TASK: str(task_id)}, statuses=going):
            cancel(client, run["run_id"])
    except NotReachableError:
        say(f"task {task_id}: no running stack, so no run was cancelled")


def _json_or_text(text: str | None) -> Any:
    import json

    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
