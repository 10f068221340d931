"""The pages as one application at `/signalbox`. Who may look is asked before."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from scheduler_defs.access.table import NotAllowed
from scheduler_defs.acting.place import UnknownAgentError
from scheduler_defs.addresses import PAGES
from scheduler_defs.agents.task_queue.protocol import UnknownTaskError
from scheduler_defs.errors import NotReachableError, SignalboxError
from scheduler_defs.web.pages import (
    api_description,
    health,
    overview,
    queues,
    records,
    runs,
    schedules,
    timeline,
)
from scheduler_defs.web.pages.parts import reports
from scheduler_defs.web.pages.rendering import FOLDER, prefix, render
from scheduler_defs.web.rest.asking import Answering

PATH = PAGES
Page = Callable[[Request], Response]


def routes(answering: Answering, document: Callable[[], dict[str, Any]]) -> list[BaseRoute]:
    """To be placed before Dagster's.

    `answering`: how GraphQL is answered in this process. `document`: the API, as OpenAPI describes it.
    """
    return [Route(PATH, _home, methods=["GET"]), Mount(PATH, build(answering, document))]


def build(answering: Answering, document: Callable[[], dict[str, Any]]) -> Starlette:
    """The application."""
    pages: dict[str, Page] = {
        "/": overview.page,
        "/schedules": schedules.listed,
        "/schedules/{name}": schedules.one,
        "/timeline": timeline.page,
        "/queues": queues.board,
        "/queues/next": queues.upcoming,
        "/tasks/{task_id:int}": queues.task,
        "/runs/{run_id}": runs.one,
        "/runs/{run_id}/reports/{path:path}": reports.page,
        "/inbox": records.inbox,
        "/health": health.page,
        "/audit": records.audit,
        "/api": api_description.page,
    }
    # Pages read and compute: each is a plain function, in a thread.
    found = [Route(path, page, methods=["GET"]) for path, page in pages.items()]
    static = Mount("/static", StaticFiles(directory=FOLDER / "static"))
    app = Starlette(
        routes=[*found, static],
        exception_handlers={
            HTTPException: _http,
            UnknownTaskError: _unknown,
            UnknownAgentError: _unknown,
            NotAllowed: _forbidden,
            NotReachableError: _away,
            SQLAlchemyError: _away,
            SignalboxError: _refused,
        },
    )
    app.state.answering = answering
    app.state.document = document
    return app


_NOWHERE = "There is no page at this address."


async def _home(request: Request) -> Response:
    return RedirectResponse(f"{prefix(request)}{PATH}/")


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    nowhere = error.detail == HTTPStatus.NOT_FOUND.phrase
    return _said(request, error.status_code, _NOWHERE if nowhere else error.detail)


def _unknown(request: Request, error: Exception) -> Response:
    return _said(request, HTTPStatus.NOT_FOUND, str(error))


def _forbidden(request: Request, error: Exception) -> Response:
    return _said(request, HTTPStatus.FORBIDDEN, str(error))


def _refused(request: Request, error: Exception) -> Response:
    return _said(request, HTTPStatus.CONFLICT, str(error))


def _away(request: Request, error: Exception) -> Response:
    said = str(error) if isinstance(error, SignalboxError) else "the database does not answer"
    return _said(request, HTTPStatus.SERVICE_UNAVAILABLE, said)


def _said(request: Request, status: int, detail: str) -> Response:
    title = HTTPStatus(status).phrase
    return render(request, "error.html", {"detail": detail}, title=title, status=status)
