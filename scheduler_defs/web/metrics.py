"""`/metrics`: the numbers of docs/metrics.md, read when they are asked for."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler_defs.web.problems import problem

METRICS = "/metrics"


def routes() -> list[Route]:
    """The one route."""
    return [Route(METRICS, _metrics, methods=["GET"])]


async def _metrics(_request: Request) -> Response:
    from scheduler_defs import database
    from scheduler_defs.upkeep.metrics.collecting import CONTENT_TYPE, scrape

    try:
        text = await run_in_threadpool(lambda: scrape(database.engine(), dt.datetime.now(dt.UTC)))
    except SQLAlchemyError:
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer")
    return Response(text, media_type=CONTENT_TYPE)
