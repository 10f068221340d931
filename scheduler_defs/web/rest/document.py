"""The document that describes the API: what FastAPI knows of it, with what each route answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter
from typing_extensions import override

from scheduler_defs.web.problems import MEDIA_TYPE
from scheduler_defs.web.rest.answers.by_route import ANSWERS
from scheduler_defs.web.rest.answers.parts import Problem
from scheduler_defs.web.rest.idempotency import LONGEST, TAKES_NO_KEY

_JSON = "application/json"
_REF = "#/components/schemas/{model}"
_ONLY_SAID = {"description": "What would be.", "content": {_JSON: {"schema": {"type": "object"}}}}
"""The answer to `dry_run` where something new is made otherwise."""
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request: the same answer, and it is done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$"},
}
_KNOWN = frozenset({"/health/live", "/health/ready"})
"""Asked by everybody, so they say neither 401 nor 403."""
_RULED = frozenset({"GET /runs/{run_id}/result", "GET /why/{subject}"})
"""Questions to which the state of things may be a refusal."""
_NAMING = frozenset({"GET /upcoming-tasks"})
"""Questions whose parameters name something that may not be there."""
_SIGNED = "/triggers/{path}"


class Api(FastAPI):
    """FastAPI, whose document names the types of all answers and the problem that any of them may be."""

    @override
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = described(super().openapi())
        return self.openapi_schema


def described(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the answers' types in it."""
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    refused = document["components"].setdefault("responses", {})
    problem = {MEDIA_TYPE: {"schema": _schema(Problem, schemas)}}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method not in _METHODS:
                continue
            responses: dict[str, Any] = operation["responses"]
            responses.pop("422", None)
            answer = ANSWERS.get(f"{method.upper()} {plain(path)}")
            if answer is not None:
                schema = _schema(answer, schemas)
                for status in [each for each in responses if each.startswith("2")]:
                    responses[status]["content"] = {_JSON: {"schema": schema}}
                if any(each["name"] == "dry_run" for each in operation.get("parameters", ())):
                    responses.setdefault("200", _ONLY_SAID)
            for status in _problems(method, plain(path), operation):
                name = _name_of(status)
                refused.setdefault(name, {"description": status.phrase, "content": problem})
                responses[str(status.value)] = {"$ref": f"#/components/responses/{name}"}
            if method != "get" and not path.endswith((*TAKES_NO_KEY, _SIGNED)):
                operation.setdefault("parameters", []).append(_KEY)
    return document


def _problems(method: str, path: str, operation: Mapping[str, Any]) -> list[HTTPStatus]:
    """What it may answer besides what was asked for. All are problems, as RFC 9457 says."""
    places = {(each["in"], each["name"]) for each in operation.get("parameters", ())}
    found = [HTTPStatus.BAD_REQUEST, HTTPStatus.MISDIRECTED_REQUEST, HTTPStatus.TOO_MANY_REQUESTS]
    found.append(HTTPStatus.SERVICE_UNAVAILABLE)
    if path not in _KNOWN:
        found += [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN]
    names = any(place == "path" for place, _ in places) or f"{method.upper()} {path}" in _NAMING
    if names or "requestBody" in operation:
        found.append(HTTPStatus.NOT_FOUND)
    if places or "requestBody" in operation:
        found.append(HTTPStatus.UNPROCESSABLE_ENTITY)
    if method != "get" or f"GET {path}" in _RULED:
        found.append(HTTPStatus.CONFLICT)
    if method != "get":
        found += [HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE]
    if ("header", "If-Match") in places:
        found.append(HTTPStatus.PRECONDITION_FAILED)
    return sorted(found)


def _name_of(status: HTTPStatus) -> str:
    return "".join(word.capitalize() for word in status.name.split("_"))


def plain(path: str) -> str:
    """A path without converters such as `:path`."""
    return re.sub(r":\w+}", "}", path)


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The type's schema; what it refers to goes among the others."""
    found = TypeAdapter(kind).json_schema(ref_template=_REF, mode="serialization")
    schemas.update(found.pop("$defs", {}))
    title = str(found.get("title", ""))
    if not isinstance(kind, type) or not issubclass(kind, BaseModel):
        return found
    name = re.sub(r"\W+", "_", title).strip("_")
    schemas[name] = found
    return {"$ref": _REF.format(model=name)}
