"""`GET /runs/{id}/events` and `GET /events`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import StreamingResponse

from scheduler_defs.access.table import Action
from scheduler_defs.acting.agent_queues.queues import queue_objects
from scheduler_defs.graphql.runs import count_runs
from scheduler_defs.web.events.hub import Hub
from scheduler_defs.web.events.streams import Wanted, number, numbers, of_everything, of_run
from scheduler_defs.web.rest.asking import Asking, Looking
from scheduler_defs.web.rest.routes.runs import found_run

router = APIRouter(tags=["events"])
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="`id` of the last event that was received.")
]
Since = Annotated[str | None, Query(alias="last_event_id", description="The same, without a header.")]
_GOING = ("QUEUED", "STARTING", "STARTED", "CANCELING")


@router.get("/runs/{run_id}/events", response_class=StreamingResponse)
def run_events(
    asking: Looking, request: Request, run_id: str, last: LastEventId = None, since: Since = None
) -> StreamingResponse:
    """A run's events as they come (Server-Sent Events), until it has ended; first the run as it is."""
    found_run(asking.require(Action.LOOK), run_id)
    return _stream(of_run(_hub(request), run_id, number(last or since) or 0))


@router.get("/events", response_class=StreamingResponse)
def events(
    asking: Looking,
    request: Request,
    queue: str | None = None,
    schedule: str | None = None,
    job: str | None = None,
    last: LastEventId = None,
    since: Since = None,
) -> StreamingResponse:
    """What happens to runs and tasks as it comes (Server-Sent Events); first what goes on now."""
    wanted = Wanted(queue, schedule, job)
    _hub(request).log.newest()  # a database that is away is a 503, and no stream
    return _stream(of_everything(_hub(request), lambda: _now(asking), wanted, numbers(last or since)))


def _now(asking: Asking) -> dict[str, Any]:
    client = asking.require(Action.LOOK)
    return {
        "runs": {status: count_runs(client, status) for status in _GOING},
        "queues": queue_objects(asking.place()),
    }


def _hub(request: Request) -> Hub:
    return request.app.state.hub


def _stream(frames: AsyncIterator[bytes]) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(frames, media_type="text/event-stream", headers=headers)
