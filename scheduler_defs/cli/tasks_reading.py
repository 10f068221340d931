"""`signalbox tasks list` and `show`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from scheduler_defs.cli.output import local_time, print_json, print_table
from scheduler_defs.cli.queues_opened import opened, transaction
from scheduler_defs.cli.runs import AsJson
from scheduler_defs.cli.tasks_options import Id, Queue, Status, statuses


def list_command(
    queue: Queue = None,
    status: Status = None,
    assigned: Annotated[str | None, typer.Option(help="Assigned to, or done by, this agent.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most this many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """The newest tasks first."""
    from resources.task_queue.models import TaskQuery
    from resources.task_queue.shown import task_object

    query = TaskQuery(queue=queue, statuses=statuses(status), assigned_to=assigned, limit=limit)
    found = opened().task_queue.find(query)
    if as_json:
        print_json([task_object(task) for task in found])
        return
    print_table(
        ("ID", "QUEUE", "STATUS", "AGENT", "PRI", "ATTEMPTS", "WAITS FOR", "CREATED", "TITLE"),
        [
            (
                task.id,
                task.queue,
                "blocked" if task.blocked else task.status.value,
                task.agent if task.status == "working" else task.assigned_to,
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


def show_command(task_id: Id, as_json: AsJson = False) -> None:
    """One task with its comments, links and runs."""
    from resources.agent_pool import assignments
    from resources.task_queue.shown import details_object

    place = opened()
    shown = details_object(place.task_queue.details(task_id))
    with transaction(place.engine) as connection:
        shown["runs"] = assignments.of_task(connection, place.task_queue.backend, task_id)
    if as_json:
        print_json(shown)
        return
    lists = ("comments", "links", "runs")
    rows = [
        (name, value) for name, value in shown.items() if name not in lists and value not in (None, [], {})
    ]
    print_table(("FIELD", "VALUE"), rows, empty="")
    for comment in shown["comments"]:
        sys.stdout.write(f"{local_time(comment['created'])}  {comment['created_by']}: {comment['content']}\n")
    for link in shown["links"]:
        sys.stdout.write(f"{link['url']}  {link['description'] or ''}\n")
    for run in shown["runs"]:
        state = run["ending"] or ("working" if run["claimed_at"] else "requested")
        sys.stdout.write(
            f"{local_time(run['requested_at'])}  attempt {run['attempt']}  {run['agent']}  {state}"
            f"  run {run['run_id'] or ('none' if run['ending'] else 'not launched yet')}\n"
        )
