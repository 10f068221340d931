"""`/signalbox/`: what goes on, what failed, what is next."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs.acting.agent_queues.agents import agent_objects
from scheduler_defs.acting.agent_queues.queues import queue_objects
from scheduler_defs.graphql.runs import count_runs, list_runs
from scheduler_defs.web.pages.asking import asking, client_of
from scheduler_defs.web.pages.rendering import render

_GOING = ("QUEUED", "STARTING", "STARTED", "CANCELING")


def page(request: Request) -> Response:
    """The overview."""
    client, place = client_of(request), asking(request).place()
    waiting = asking(request).inbox()
    values = {
        "counts": {status: count_runs(client, status) for status in _GOING},
        "going": list_runs(client, statuses=_GOING, limit=20),
        "runs": list_runs(client, limit=15),
        "queues": queue_objects(place),
        "agents": agent_objects(place),
        "waiting": waiting[:10],
        "waiting_total": len(waiting),
    }
    return render(request, "overview.html", values, title="Overview")
