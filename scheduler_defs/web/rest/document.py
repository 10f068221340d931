"""The document that describes the API: what FastAPI knows of it, with what each route answers."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter
from typing_extensions import override

from scheduler_defs.web.problems import MEDIA_TYPE
from scheduler_defs.web.rest.answers import ANSWERS, Problem

_JSON = "application/json"
_REF = "#/components/schemas/{model}"
_ONLY_SAID = {"description": "What would be.", "content": {_JSON: {"schema": {"type": "object"}}}}
"""The answer to `dry_run` where something new is made otherwise."""
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


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
    problem = _schema(Problem, schemas)
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
            responses["default"] = {
                "description": "A problem (RFC 9457).",
                "content": {MEDIA_TYPE: {"schema": problem}},
            }
    return document


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
