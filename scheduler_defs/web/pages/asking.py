"""What a page starts from: who asks, and the same functions that the API has."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from scheduler_defs.access.table import Action, Subject
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.web.access.gate import principal_of
from scheduler_defs.web.rest.asking import Asking


def asking(request: Request) -> Asking:
    """He who asks. The gate has let him in."""
    return Asking(principal_of(request), request)


def client_of(request: Request) -> GraphQLClient:
    """For looking."""
    return asking(request).require(Action.LOOK)


def may(request: Request, subject: Subject | None = None) -> dict[str, bool]:
    """What he may do, by action: pages show no button that answers no."""
    who = principal_of(request)
    if subject is None:
        return {action.value: who.may_somewhere(action) for action in Action}
    return {action.value: who.may(action, subject) for action in Action}


def text_of(request: Request, name: str, most: int = 200) -> str:
    """A parameter of the address, trimmed."""
    return request.query_params.get(name, "").strip()[:most]


def only(rows: list[dict[str, Any]], **wanted: str) -> list[dict[str, Any]]:
    """Rows whose fields have these values; an empty value is any."""
    return [row for row in rows if all(not value or row[key] == value for key, value in wanted.items())]
