"""`signalbox tasks comment|block|unblock|assign|move|requeue|complete|fail|cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.agents.opening import author, open_place
from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.tasks.options import By, Id, Ids, Queue, Status, report, statuses
from scheduler_defs.cli.terminal.output import counted, say
from scheduler_defs.errors import SignalboxError, UsageError

if TYPE_CHECKING:
    from scheduler_defs.agents.task_queue.models import Task
    from scheduler_defs.agents.task_queue.protocol import TaskQueue


def comment_command(
    task_id: Id,
    text: Annotated[str, typer.Argument(help="What to say.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Leave a comment."""
    task_queue = open_place().task_queue
    task_queue.comment(task_id, text, author=author(by))
    report([task_queue.get(task_id)], as_json, f"task {task_id}: comment added")


def block_command(
    task_id: Id,
    blocker: Annotated[int, typer.Argument(help="The task to wait for.", min=1)],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Let a task wait for another one."""
    task_queue = open_place().task_queue
    task_queue.block(task_id, blocker, author=author(by))
    task = task_queue.get(task_id)
    waits = f"task {task_id} waits for {blocker}"
    if task.finished is not None:
        waits = f"task {task_id} is {task.status.value}: it would wait for {blocker} if it were opened again"
    elif not task.blocked:
        waits = f"task {task_id} waits for {blocker} no longer: that one is done already"
    report([task], as_json, waits)


def unblock_command(
    task_id: Id,
    blocker: Annotated[
        int | None, typer.Argument(help="The task not to wait for; default: any.", min=1)
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Let a task no longer wait for another one, or for any."""
    task_queue = open_place().task_queue
    task_queue.unblock(task_id, blocker, author=author(by))
    report([task_queue.get(task_id)], as_json, f"task {task_id} waits for {blocker or 'nothing'} no longer")


def assign_command(
    task_id: Id,
    agent: Annotated[str | None, typer.Argument(help="The agent; without it, any of the pool.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Choose the agent for a task, or leave the choice to the pool."""
    place = open_place()
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
    task_queue = open_place().task_queue
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
    from scheduler_defs.acting.agent_queues.tasks import requeue

    place = open_place()
    task_queue = place.task_queue
    chosen = _chosen(task_queue, task_ids, queue, status)
    message = f"{counted(len(chosen), 'task')} {'to be put' if dry_run else 'put'} back to idle"
    if not dry_run:
        forgiven = requeue(place, chosen, author=author(by))
        chosen = [task_queue.get(task.id) for task in chosen]
        if forgiven:
            message += f"; no longer passed over for failed starts: {', '.join(forgiven)}"
    report(chosen, as_json, message)


def answer_command(
    task_id: Id,
    text: Annotated[str, typer.Argument(help="The answer.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Answer what the agent of a task has asked; the task goes on with the answer."""
    from scheduler_defs.agents.questions.answering import answer

    place = open_place()
    answer(place.engine, place.task_queue, task_id, text, by=author(by))
    report([place.task_queue.get(task_id)], as_json, f"task {task_id} goes on")


def complete_command(
    task_ids: Ids,
    result: Annotated[str | None, typer.Option(help="What came of it, as JSON or text.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that tasks are done."""
    task_queue = open_place().task_queue
    _refuse_own(task_ids)
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
    task_queue = open_place().task_queue
    for task_id in task_ids:
        task_queue.fail(task_id, reason=reason, author=author(by))
    report([task_queue.get(task_id) for task_id in task_ids], as_json, "failed")


def cancel_command(
    task_ids: Ids,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that tasks are not to be done any more; their runs are canceled, too."""
    place = open_place()
    for task_id in task_ids:
        place.task_queue.cancel(task_id, reason=reason, author=author(by))
        cancel_run(task_id)
    report([place.task_queue.get(task_id) for task_id in task_ids], as_json, "canceled")


def _refuse_own(task_ids: list[int]) -> None:
    """An agent whose work is checked says that it is done by ending well, and then it is looked at."""
    import os

    own = os.environ.get("SIGNALBOX_TASK", "")
    if os.environ.get("SIGNALBOX_ACCEPT") and own.isdecimal() and int(own) in task_ids:
        raise SignalboxError(
            f"task {own}: its work is checked when its agent ends: end with exit code 0 to say it is done"
        )


def _chosen(
    task_queue: TaskQueue, task_ids: list[int] | None, queue: str | None, status: str | None
) -> list[Task]:
    from scheduler_defs.agents.task_queue.models import TaskQuery

    if task_ids:
        return [task_queue.get(task_id) for task_id in task_ids]
    if status is None:
        raise UsageError("name task ids, or --status (and --queue)")
    return task_queue.find(TaskQuery(queue=queue, statuses=statuses(status), limit=None))


def cancel_run(task_id: int) -> None:
    """Cancel the task's run, if there is one and a stack to ask."""
    from scheduler_defs.acting.agent_queues.tasks import cancel_runs_of
    from scheduler_defs.cli.terminal.connection import graphql
    from scheduler_defs.errors import NotReachableError

    try:
        cancel_runs_of(graphql(), task_id)
    except NotReachableError:
        say(f"task {task_id}: no running stack, so no run was canceled")


def _json_or_text(text: str | None) -> Any:
    import json

    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
