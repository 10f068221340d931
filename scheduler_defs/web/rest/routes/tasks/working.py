"""What an agent from outside asks for beside its lease: which task is next, subtasks of the one it has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from scheduler_defs.access.table import Action, Subject
from scheduler_defs.acting.agent_queues import claims
from scheduler_defs.acting.agent_queues.agent_runs import GraphQLRuns
from scheduler_defs.agents.deciding import Placement
from scheduler_defs.agents.pool.passes import Pass, preview
from scheduler_defs.agents.task_queue.new_task import Capabilities, Name, NewTask, Paths, Payload, Text
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.web.rest.asking import LARGEST, Asking, DryRun, Id, Looking, Steering
from scheduler_defs.web.rest.routes.tasks.lease import Leased, LeaseHeader
from scheduler_defs.web.rest.routes.tasks.task import announce_change, steerable

router = APIRouter(tags=["tasks"])
_MOST_REASONS = 5


class Subtask(Leased):
    """A task that belongs to another one."""

    title: Text = Field(min_length=1, max_length=1000)
    description: Text | None = Field(None, max_length=100_000)
    queue: Name | None = Field(None, description="Absent: the queue of the task that it belongs to.")
    priority: int = Field(0, ge=-(2**31), lt=2**31)
    capabilities: Capabilities = ()
    paths: Paths = ()
    payload: Payload = Field(default_factory=dict)
    blocked_by: list[Annotated[int, Field(ge=1, le=LARGEST)]] = Field(default_factory=list)


@router.get("/agents/{name}/next-task")
def next_task(asking: Looking, name: str) -> dict[str, Any]:
    """The task that the agent may claim now, as its queue would give it out; or why there is none.

    `{task, waiting}`: `task` is null when nothing is to be done, and `waiting` says why tasks wait.
    """
    found = list(_looks(asking, name))
    placed = [each for seen in found for each in seen.decided.placed]
    task_queue = asking.place().task_queue
    for each in sorted(placed, key=lambda placement: placement.agent != name):  # those meant for it first
        task = task_queue.get(each.task)
        if _may_have(each, name, task.assigned_to):
            return {"task": task_object(task), "waiting": []}
    reasons = dict.fromkeys(
        f"task {each.task}: {each.reason}" for seen in found for each in seen.decided.waiting
    )
    return {"task": None, "waiting": list(reasons)[:_MOST_REASONS]}


@router.post("/tasks/{task_id}/subtasks", status_code=201)
def add_subtask(
    asking: Steering,
    response: Response,
    task_id: Id,
    given: Subtask,
    token: LeaseHeader = None,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Add a task that belongs to this one; let this one wait for it with `block` where it must."""
    place, task = steerable(asking, task_id)
    author = asking.principal.name
    if lease_token := token or given.lease:
        author = claims.lease_of(place, task_id, lease_token).agent
    queue = given.queue or task.queue
    asking.require(Action.STEER, Subject(queue=queue))
    values = given.model_dump(exclude={"lease", "queue"})
    new = NewTask(**values, queue=queue, parent=task_id, created_by=author)
    if dry_run:
        response.status_code = HTTPStatus.OK
        return new.model_dump(mode="json")
    (added,) = place.task_queue.add([new], request=asking.request_to(place.task_queue))
    announce_change(place)
    response.headers["Location"] = f"/api/v1/tasks/{added}"
    return task_object(place.task_queue.get(added))


def _looks(asking: Asking, name: str) -> Iterator[Pass]:
    place = asking.place()
    client = asking.require(Action.LOOK)
    now = dt.datetime.now(dt.UTC).astimezone()
    for queue in place.agent(name).queues:
        yield preview(
            place.engine, place.task_queue, place.declarations, queue, runs=GraphQLRuns(client), now=now
        )


def _may_have(placed: Placement, name: str, assigned: str | None) -> bool:
    """A task that the pool would give to somebody else may go to this agent, unless it is assigned."""
    return placed.agent == name or assigned is None
