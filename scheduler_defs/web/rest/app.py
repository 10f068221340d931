"""The API as one application, to be mounted at `/api/v1`."""

from __future__ import annotations

from http import HTTPStatus

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse

from scheduler_defs import database
from scheduler_defs.access.table import NotAllowed
from scheduler_defs.errors import NotReachableError, NotThereError, SignalboxError, UsageError
from scheduler_defs.web import problems
from scheduler_defs.web.events.hub import Hub
from scheduler_defs.web.problems import problem
from scheduler_defs.web.rest import edits
from scheduler_defs.web.rest.asking import Answering, Looking
from scheduler_defs.web.rest.document import Api
from scheduler_defs.web.rest.idempotency import Idempotency
from scheduler_defs.web.rest.routes import (
    approvals,
    files,
    jobs,
    live,
    records,
    runs,
    schedules,
    triggers,
    yard,
)
from scheduler_defs.web.rest.routes.tasks import claims, steering, task, working

PATH = "/api/v1"


def build(answering: Answering, hub: Hub | None = None) -> FastAPI:
    """`answering`: how GraphQL is answered in this process. `hub`: where live events come from."""
    app = Api(
        title="Signalbox",
        version="1",
        description="The same objects as the command's `--json`; errors are RFC 9457 problems.",
        openapi_url=None,  # for those who may look, like everything
        docs_url=None,
        redoc_url=None,
    )
    app.state.answering = answering
    app.add_exception_handler(HTTPException, problems.of_http_exception)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(NotThereError, _not_there)
    app.add_exception_handler(UsageError, _misused)
    app.add_exception_handler(NotReachableError, _not_reachable)
    app.add_exception_handler(SQLAlchemyError, _not_reachable)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(ValueError, _unstorable)
    app.add_exception_handler(SignalboxError, _refused)
    app.add_exception_handler(Exception, problems.of_fault)
    app.add_api_route("/health/live", _live, methods=["GET"], tags=["health"])
    app.add_api_route("/health/ready", _ready, methods=["GET"], tags=["health"])
    app.add_api_route("/docs", _docs, methods=["GET"], include_in_schema=False)
    app.add_api_route("/openapi.json", _document, methods=["GET"], include_in_schema=False)
    app.state.hub = hub
    about_runs = (live, edits, schedules, jobs, runs, files, approvals, triggers)
    rooms = (*about_runs, task, claims, steering, working, yard, records)
    for room in rooms:
        app.include_router(room.router)
    app.add_middleware(Idempotency, engine=database.engine)
    return app


PUBLIC = frozenset({"/health/live", "/health/ready", "/triggers/{path}"})
"""For load balancers, and for those who sign their requests. Every other route has a `Needs`."""


def _live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


async def _ready() -> JSONResponse:
    """It can do what it is there for: the database answers."""

    def ask() -> bool:
        try:
            with database.engine().connect() as connection:
                connection.execute(sa.text("SELECT 1"))
        except (SQLAlchemyError, SignalboxError):
            return False
        return True

    if await run_in_threadpool(ask):
        return JSONResponse({"status": "ok"})
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer")


def _docs(request: Request, _: Looking) -> RedirectResponse:
    """For people: a page of ours."""
    base = str(request.scope.get("root_path", "")).removesuffix(PATH)
    return RedirectResponse(f"{base}/signalbox/api")


def _document(request: Request, _: Looking) -> JSONResponse:
    here = [{"url": request.scope.get("root_path", PATH)}]
    return JSONResponse({**request.app.openapi(), "servers": here})


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"path": ".".join(str(part) for part in each["loc"]), "message": each["msg"]}
        for each in error.errors()
    ]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the request does not fit", faults=faults)


async def _not_allowed(_: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.FORBIDDEN, str(error))


async def _not_there(_: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.NOT_FOUND, str(error))


async def _unstorable(_: Request, error: Exception) -> JSONResponse:
    """Text and numbers that JSON can hold and the database cannot."""
    if isinstance(error, DataError):
        said = str(error.orig).strip().partition("\n")[0]
    elif isinstance(error, UnicodeEncodeError):
        said = "a text has half of a surrogate pair"
    elif "NUL" in str(error):
        said = "a text has the character U+0000"
    else:
        raise error  # a fault of ours
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the request has a value that cannot be kept: {said}")


async def _misused(_: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


async def _not_reachable(_: Request, error: Exception) -> JSONResponse:
    said = str(error) if isinstance(error, SignalboxError) else "the database does not answer"
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, said)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """The answer is no: what was asked for goes against a rule or the state of things."""
    return problem(HTTPStatus.CONFLICT, str(error))
