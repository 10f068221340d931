"""Who speaks about a task: people, and agents from outside with the lease token of their claim.

The token comes in the header `Signalbox-Lease` or as `lease` in the body. Who brings one speaks for the
task's agent; once the lease has run out or the task is lost, that is refused with 409.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from scheduler_defs.acting.agent_queues import claims
from scheduler_defs.acting.place import Place
from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.pool.leases import TaskLease
from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.web.rest.asking import Steering
from scheduler_defs.web.rest.routes.tasks.task import announce_change, steerable

LeaseHeader = Annotated[str | None, Header(alias="Signalbox-Lease", description="Token of the claim.")]
Text = Annotated[str, Field(min_length=1, max_length=100_000)]


class Leased(BaseModel):
    """What may come with a lease."""

    lease: str | None = Field(None, description="Token of the claim; or as the header Signalbox-Lease.")


@dataclass(frozen=True)
class Speaker:
    """Somebody who may speak about a task. `lease`: an agent's from outside; None: a person."""

    place: Place
    task: Task
    lease: TaskLease | None
    author: str

    def would(self, **then: Any) -> dict[str, Any]:
        """The task as it would be."""
        return {**task_object(self.task), **then}

    def answer(self) -> dict[str, Any]:
        """The task as it is now; its queue is looked at."""
        announce_change(self.place)
        return task_object(self.place.task_queue.get(self.task.id))


def speaker(asking: Steering, task_id: int, given: Leased | None, header: str | None) -> Speaker:
    """Who asks, as one who may steer the task, or its agent by the token that came along."""
    place, task = steerable(asking, task_id)
    token = header or (given.lease if given else None)
    if token is None:
        return Speaker(place, task, None, asking.principal.name)
    lease = claims.lease_of(place, task_id, token)
    return Speaker(claims.on_behalf(place, lease), task, lease, lease.agent)


def holder(asking: Steering, task_id: int, given: Leased | None, header: str | None) -> Speaker:
    """As `speaker`, but only for whoever has claimed the task."""
    found = speaker(asking, task_id, given, header)
    if found.lease is None:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "this is for who has claimed the task: send the lease token as Signalbox-Lease",
        )
    return found


def settle(
    found: Speaker,
    ending: Ending,
    *,
    detail: str = "",
    result: Any = None,
    question: str = "",
    gave_up: bool = False,
) -> dict[str, Any]:
    """The claimed work has ended like this: the task afterwards."""
    assert found.lease is not None
    task = claims.settle(
        found.place,
        found.lease,
        ending,
        detail=detail,
        result=result,
        question=question,
        gave_up=gave_up,
        now=dt.datetime.now(dt.UTC),
    )
    announce_change(found.place)
    return task_object(task)
