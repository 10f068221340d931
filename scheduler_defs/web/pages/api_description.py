"""`/signalbox/api`: the REST API for people, from the document that describes it to programs."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs.web.pages.rendering import render


def page(request: Request) -> Response:
    """Each operation with its parameters and the fields of its body, by subject."""
    document: dict[str, Any] = request.app.state.document()
    parts = document.get("components", {}).get("schemas", {})
    found: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.setdefault((operation.get("tags") or ["others"])[0], []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "about": operation.get("description") or operation.get("summary") or "",
                    "parameters": [
                        (each["name"], each["in"], _kind(each.get("schema", {})), each.get("description", ""))
                        for each in operation.get("parameters", ())
                    ],
                    "fields": _fields(operation, parts),
                }
            )
    return render(request, "described.html", {"groups": found}, title="REST API")


def _fields(operation: dict[str, Any], parts: dict[str, Any]) -> list[tuple[str, str, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    choices = [schema, *schema.get("anyOf", ())]
    name: str = next((each["$ref"].rpartition("/")[2] for each in choices if "$ref" in each), "")
    body: dict[str, Any] = parts.get(name, {})
    needed = body.get("required", ())
    return [
        (field, f"{_kind(given)}{', needed' if field in needed else ''}", given.get("description", ""))
        for field, given in body.get("properties", {}).items()
    ]


def _kind(schema: dict[str, Any]) -> str:
    choices = schema.get("anyOf", [schema])
    kinds = [each.get("type") or each.get("$ref", "").rpartition("/")[2] for each in choices]
    return " or ".join(kind for kind in kinds if kind and kind != "null") or "any"
