"""`signalbox tasks list` and `show`."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.tasks.options import Id, Queue, Status, statuses
from scheduler_defs.cli.terminal.output import (
    here,
    local_time,
    print_json,
    print_line,
    print_record,
    print_table,
    say,
)


def list_command(
    queue: Queue = None,
    status: Status = None,
    assigned: Annotated[str | None, typer.Option(help="Assigned to, or done by, this agent.")] = None,
    blocked: Annotated[bool, typer.Option("--blocked", help="Only those that wait for others.")] = False,
    tag: Annotated[str | None, typer.Option(help="Only tasks with this tag.")] = None,
    parent: Annotated[int | None, typer.Option(help="Only parts of this task.")] = None,
    text: Annotated[str | None, typer.Option(help="Only with this in the title or description.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most this many.")] = 100,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many first.")] = 0,
    as_json: AsJson = False,
) -> None:
    """The newest tasks first."""
    from scheduler_defs.agents.task_queue.models import TaskQuery
    from scheduler_defs.agents.task_queue.objects import task_object

    wait = blocked or status == "blocked"
    query = TaskQuery(
        queue=queue,
        statuses=() if status == "blocked" else statuses(status),
        assigned_to=assigned,
        limit=limit + 1,
        offset=offset,
        blocked=wait,
        tag=tag,
        parent=parent,
        text=text,
    )
    some = open_place().task_queue.find(query)
    found, more = some[:limit], len(some) > limit
    if as_json:
        print_json([task_object(task) for task in found])
        return
    print_table(
        ("ID", "QUEUE", "STATUS", "AGENT", "PRI", "ATTEMPTS", "WAITS FOR", here("CREATED"), "TITLE"),
        [
            (
                task.id,
                task.queue,
                "blocked" if task.blocked else task.status.value,
                task.assigned_to if task.status == "idle" else task.agent or task.assigned_to,
                task.priority,
                task.attempts,
                ", ".join(map(str, task.blocked_by)),
                local_time(task.created),
                task.title[:60],
            )
            for task in found
        ],
        empty="no tasks",
    )
    if more:
        say(f"these are {limit}, and there are more: --limit, or --offset {offset + limit}")


def show_command(task_id: Id, as_json: AsJson = False) -> None:
    """One task with its comments, links and runs."""
    from scheduler_defs.acting.agent_queues.tasks import task_details

    shown = task_details(open_place(), task_id)
    if as_json:
        print_json(shown)
        return
    lists = ("comments", "links", "runs")
    print_record({name: value for name, value in shown.items() if name not in lists})
    for comment in shown["comments"]:
        print_line(f"{local_time(comment['created'])}  {comment['created_by']}: {comment['content']}")
    for link in shown["links"]:
        print_line(f"{link['url']}  {link['description'] or ''}")
    for run in shown["runs"]:
        state = _ENDINGS.get(run["ending"], run["ending"]) or (
            "working" if run["claimed_at"] else "requested"
        )
        print_line(
            f"{local_time(run['requested_at'])}  attempt {run['attempt']}  {run['agent']}  {state}"
            f"  run {run['run_id'] or ('none' if run['ending'] else 'not launched yet')}"
        )


_ENDINGS = {
    "complete_aside": "complete (by the agent or a person)",
    "failed_aside": "failed (by the agent or a person)",
}
