"""Errors as RFC 9457 says: one JSON body for all of them, and nothing of our insides in it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> JSONResponse:
    """An answer that says what was wrong. `members` are further fields of the body."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return JSONResponse(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


async def of_http_exception(_: Request, error: Exception) -> JSONResponse:
    """What a route raised with a status of its own."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, headers=error.headers)


async def of_fault(_: Request, __: Exception) -> JSONResponse:
    """A fault of ours: the log has it, the answer does not."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the server; its log says more")
