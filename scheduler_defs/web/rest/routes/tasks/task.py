"""Tasks: list, add, show, change."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scheduler_defs.access.table import Action, Subject
from scheduler_defs.acting.agent_queues.tasks import task_details
from scheduler_defs.acting.place import Place, announce
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.models import Task, TaskQuery
from scheduler_defs.agents.task_queue.new_task import NewTask, TaskChanges
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.web.rest.asking import LARGEST, Cursor, DryRun, Id, Limit, Looking, Steering, page

router = APIRouter(prefix="/tasks", tags=["tasks"])

Status = Annotated[
    TaskStatus | None, Query(description="Only tasks in this state; `blocked` asks for those that wait.")
]
IfMatch = Annotated[str | None, Header(alias="If-Match", description="The ETag that was read.")]


@router.get("")
def list_tasks(
    asking: Looking,
    queue: str | None = None,
    status: Status = None,
    agent: str | None = None,
    blocked: bool = False,
    tag: str | None = None,
    parent: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    text: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """The newest tasks first."""
    if cursor is not None and not cursor.isdecimal():
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "`cursor` is the `next` of a page")
    begin = int(cursor or 0)
    query = TaskQuery(
        queue=queue,
        statuses=(status,) if status else (),
        assigned_to=agent,
        limit=limit + 1,
        offset=begin,
        blocked=blocked,
        tag=tag,
        parent=parent,
        text=text,
    )
    found = [task_object(task) for task in asking.place().task_queue.find(query)]
    return {**page(found, limit, "id"), "next": str(begin + limit) if len(found) > limit else None}


@router.post("", status_code=201)
def add(asking: Steering, response: Response, given: NewTask, dry_run: DryRun = False) -> dict[str, Any]:
    """Add a task to a queue."""
    asking.require(Action.STEER, Subject(queue=given.queue))
    new = given.model_copy(update={"created_by": asking.principal.name, "key": None})
    if dry_run:
        response.status_code = HTTPStatus.OK
        return new.model_dump(mode="json")
    place = asking.place()
    (task_id,) = place.task_queue.add([new], request=asking.request_to(place.task_queue))
    announce_change(place)
    response.headers["Location"] = f"/api/v1/tasks/{task_id}"
    return task_object(place.task_queue.get(task_id))


@router.get("/{task_id}")
def show(asking: Looking, response: Response, task_id: Id) -> dict[str, Any]:
    """One task with comments, links, subtasks, dependents and runs."""
    place = asking.place()
    found = task_details(place, task_id)
    response.headers["ETag"] = etag(place.task_queue.get(task_id))
    return found


@router.patch("/{task_id}")
def change(
    asking: Steering,
    response: Response,
    task_id: Id,
    given: TaskChanges,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Change what is given, and leave the rest. Who works on the task has read it already."""
    place, task = steerable(asking, task_id)
    if if_match is not None and if_match not in ("*", etag(task)):
        raise HTTPException(
            HTTPStatus.PRECONDITION_FAILED, f"task {task_id} has changed meanwhile; read it again"
        )
    if dry_run:
        return {**task_object(task), **given.model_dump(mode="json", include=given.model_fields_set)}
    place.task_queue.change(task_id, given, author=asking.principal.name)
    announce_change(place)
    task = place.task_queue.get(task_id)
    response.headers["ETag"] = etag(task)
    return task_object(task)


def steerable(asking: Steering, task_id: int) -> tuple[Place, Task]:
    """A task that he who asks may steer. Raises UnknownTaskError, NotAllowed."""
    place = asking.place()
    task = place.task_queue.get(task_id)
    asking.require(Action.STEER, Subject(queue=task.queue))
    return place, task


def announce_change(place: Place) -> None:
    """Have the queues looked at. Our own tables say so themselves."""
    if place.task_queue.backend != "postgres":
        announce(place.engine, None)


def etag(task: Task) -> str:
    """Changes with all that can be edited about a task."""
    return f'"{hashlib.sha256(repr(task).encode()).hexdigest()[:32]}"'
