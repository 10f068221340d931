"""A field is resolved by calling its route, for whoever has sent the document."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from fastapi.encoders import jsonable_encoder
from fastapi.params import Header
from graphql import GraphQLError, GraphQLResolveInfo
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs.access.table import NotAllowed
from scheduler_defs.errors import NotReachableError, NotThereError, SignalboxError, UsageError
from scheduler_defs.web.graphql.types import plain
from scheduler_defs.web.rest.asking import Asking, Needs

_CODES: tuple[tuple[type[Exception], str], ...] = (
    (NotAllowed, "FORBIDDEN"),
    (NotThereError, "NOT_FOUND"),
    (UsageError, "INVALID"),
    (NotReachableError, "UNAVAILABLE"),
    (SignalboxError, "CONFLICT"),
    (DataError, "INVALID"),
    (SQLAlchemyError, "UNAVAILABLE"),
)
_STATUS = {404: "NOT_FOUND", 409: "CONFLICT", 412: "CONFLICT", 422: "INVALID"}


@dataclass(frozen=True)
class Parameter:
    """One that a caller gives: its type as the route has it, and whether it must be given."""

    kind: Any
    needed: bool
    about: str = ""


@dataclass(frozen=True)
class Called:
    """A route as a function of what callers give."""

    route: Callable[..., Any]
    hints: Mapping[str, Any]
    body: str | None
    parameters: Mapping[str, Parameter]

    @property
    def needs(self) -> Any:
        """The action without which nobody may call it."""
        first = next(iter(self.hints.values()))
        (dependency,) = (each for each in get_args(first)[1:] if hasattr(each, "dependency"))
        assert isinstance(dependency.dependency, Needs)
        return dependency.dependency.action


def called(route: Callable[..., Any]) -> Called:
    """From the route's signature. Headers are for programs over HTTP, and are left out."""
    hints = get_type_hints(route, include_extras=True)
    signature = inspect.signature(route)
    kept = {name: hints[name] for name in signature.parameters if not _is_header(hints[name])}
    body, parameters = None, dict[str, Parameter]()
    for name, hint in kept.items():
        kind, _ = plain(hint)
        if kind in (Asking, Response):
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            body = name
            needed = signature.parameters[name].default is inspect.Parameter.empty
            parameters |= {
                key: Parameter(field.annotation, needed and field.is_required(), field.description or "")
                for key, field in kind.model_fields.items()
            }
        else:
            needed = signature.parameters[name].default is inspect.Parameter.empty
            parameters[name] = Parameter(hint, needed)
    return Called(route, kept, body, parameters)


def resolver(found: Called) -> Callable[..., Any]:
    """Calls the route in a thread: what it asks of Dagster needs an event loop of its own."""

    async def resolve(_: Any, info: GraphQLResolveInfo, **given: Any) -> Any:
        scope = info.context.source.scope
        asking = Asking(info.context.principal, Request(scope))
        try:
            return await asyncio.to_thread(_call, found, asking, given)
        except (SignalboxError, SQLAlchemyError, HTTPException, ValidationError) as error:
            said, code = _said(error)
            raise GraphQLError(
                said, info.field_nodes, path=info.path.as_list(), extensions={"code": code}
            ) from None

    return resolve


def _call(found: Called, asking: Asking, given: Mapping[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for name, hint in found.hints.items():
        kind, _ = plain(hint)
        if kind is Asking:
            values[name] = asking
        elif kind is Response:
            values[name] = Response()
        elif name == found.body:
            fields = {key: value for key, value in given.items() if key in kind.model_fields}
            values[name] = kind.model_validate(fields)
        elif name in given:
            values[name] = TypeAdapter(hint).validate_python(given[name])
    return jsonable_encoder(found.route(**values))


def _is_header(hint: Any) -> bool:
    return any(isinstance(each, Header) for each in get_args(hint)[1:])


def _said(error: Exception) -> tuple[str, str]:
    """One line for people, and a code for programs."""
    if isinstance(error, HTTPException):
        return str(error.detail), _STATUS.get(error.status_code, "INVALID")
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else first["msg"], "INVALID"
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    if isinstance(error, SignalboxError):
        return str(error), code
    return "a value that cannot be kept" if code == "INVALID" else "the database does not answer", code
