"""Webhooks in. No login: who knows the trigger's secret has signed the request."""

from __future__ import annotations

import datetime as dt
import os
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from scheduler_defs import database
from scheduler_defs.access.table import Action, admin
from scheduler_defs.acting.runs.triggers import (
    NotSigned,
    Replayed,
    config_of,
    fire,
    secret_of,
    verified,
    would,
)
from scheduler_defs.audit.entries import Acting, Channel, acting_as, request_id
from scheduler_defs.web.access.subjects import declared, of_job
from scheduler_defs.web.rest.asking import Asking, DryRun

router = APIRouter(prefix="/triggers", tags=["triggers"])


@router.post("/{path}", status_code=202)
async def trigger(request: Request, path: str, dry_run: DryRun = False) -> JSONResponse:
    """Run the trigger's job: 202 `{run_id, status}`. 401: not signed, or old; 409: taken before."""
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}

    def act() -> dict[str, Any]:
        found = declared()
        known = next((each for each in found.triggers.values() if each.path == path), None)
        if known is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such trigger")
        try:
            secret = secret_of(known, os.environ)
            delivery = verified(known, secret, headers, body, dt.datetime.now(dt.UTC))
            config = config_of(known, body)
            if dry_run:
                return would(found, known, config)
            actor = f"trigger:{known.name}"
            with acting_as(Acting(actor, Channel.REST, request_id())):
                client = Asking(admin(actor), request).require(Action.RUN, of_job(known.job))
                return fire(database.engine(), client, found, known, delivery, config)
        except NotSigned as error:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, str(error)) from None
        except Replayed as error:
            raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None

    answer = await run_in_threadpool(act)
    if dry_run:
        return JSONResponse(answer)
    place = {"Location": f"/api/v1/runs/{answer['run_id']}"}
    return JSONResponse(answer, HTTPStatus.ACCEPTED, headers=place)
