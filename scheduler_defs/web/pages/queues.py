"""`/signalbox/queues`, what is next in them, and `/signalbox/tasks/{id}`: the board, agents, and one task."""

from __future__ import annotations

import datetime as dt

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs.access.table import Subject
from scheduler_defs.acting.agent_queues.agent_runs import GraphQLRuns
from scheduler_defs.acting.agent_queues.agents import agent_objects
from scheduler_defs.acting.agent_queues.blocking import drawing
from scheduler_defs.acting.agent_queues.budgets import budget_objects
from scheduler_defs.acting.agent_queues.capacity import capacity_objects
from scheduler_defs.acting.agent_queues.queues import pool_objects, queue_objects
from scheduler_defs.acting.agent_queues.tasks import task_details
from scheduler_defs.acting.agent_queues.upcoming import upcoming_objects
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.models import TaskQuery
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.web.pages.asking import asking, client_of, may, text_of
from scheduler_defs.web.pages.rendering import render
from scheduler_defs.web.pages.schedules import explain_subject
from scheduler_defs.web.rest.routes.tasks.task import etag

_COLUMN = 100
_MOST_EDGES = 200
_MEASURED = dt.timedelta(days=1)
COLUMNS = (
    ("ready", "Ready", TaskStatus.IDLE),
    ("blocked", "Blocked or later", TaskStatus.IDLE),
    ("working", "Working", TaskStatus.WORKING),
    ("waiting", "Asks a human", TaskStatus.WAITING),
    ("failed", "Given up", TaskStatus.FAILED),
    ("complete", "Complete", TaskStatus.COMPLETE),
)


def board(request: Request) -> Response:
    """Tasks by state, of one queue or of all."""
    place, queue = asking(request).place(), text_of(request, "queue")
    agent, tag = text_of(request, "agent"), text_of(request, "tag")
    now = dt.datetime.now(dt.UTC)
    columns: dict[str, list[dict[str, object]]] = {name: [] for name, _, _ in COLUMNS}
    for status in dict.fromkeys(status for _, _, status in COLUMNS):
        wanted = TaskQuery(
            queue=queue or None,
            statuses=(status,),
            limit=20 if status is TaskStatus.COMPLETE else _COLUMN,
            text=text_of(request, "q") or None,
            assigned_to=agent or None,
            tag=tag or None,
        )
        for task in place.task_queue.find(wanted):
            later = task.not_before is not None and task.not_before > now
            name = next(name for name, _, found in COLUMNS if found is status)
            if status is TaskStatus.IDLE and (task.blocked or later):
                name = "blocked"
            columns[name].append(task_object(task))
    for name in ("ready", "blocked"):
        columns[name].sort(key=lambda task: (-int(str(task["priority"])), int(str(task["id"]))))
    edges = [edge for edge in place.task_queue.open_edges() if queue in ("", edge.task_queue)]
    agents = agent_objects(place)
    values = {
        "columns": [(name, title, columns[name]) for name, title, _ in COLUMNS],
        "queue": queue,
        "queues": queue_objects(place),
        "agents": [each for each in agents if not queue or queue in each["queues"]],
        "names": [each["name"] for each in agents],
        "pools": pool_objects(place),
        "budgets": budget_objects(place),
        "edges": len(edges),
        "drawing": drawing(edges[:_MOST_EDGES]),
        "capacity": [row for row in capacity_objects(place, _MEASURED) if queue in ("", row["queue"])],
        "agent": agent,
        "tag": tag,
        "may": may(request),
    }
    return render(request, "queues/list.html", values, title="Queues")


def upcoming(request: Request) -> Response:
    """What each agent gets next, and why the others wait."""
    queue, agent = text_of(request, "queue"), text_of(request, "agent")
    place, now = asking(request).place(), dt.datetime.now().astimezone()
    shown = upcoming_objects(
        place, runs=GraphQLRuns(client_of(request)), now=now, queue=queue or None, agent=agent or None
    )
    values = {
        **shown,
        "queue": queue,
        "agent": agent,
        "names": list(place.declarations.agents),
        "queues": place.declarations.served_queues,
    }
    return render(request, "queues/next.html", values, title="Next tasks")


def task(request: Request) -> Response:
    """One task with its comments, and the live output of who works on it."""
    place, task_id = asking(request).place(), request.path_params["task_id"]
    found = place.task_queue.get(task_id)
    values = {
        "task": task_details(place, task_id),
        "etag": etag(found),
        "why": explain_subject(request, f"task:{task_id}"),
        "has_run": found.run_id is not None and not found.run_id.startswith("lease-"),
        "may": may(request, Subject(queue=found.queue)),
    }
    return render(request, "queues/task.html", values, title=f"Task {task_id}")
