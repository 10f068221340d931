"""What a tool takes: the parameters and the body of its route as one flat object. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scheduler_defs.web.mcp.tools import Tool

Schema = dict[str, Any]
_DROPPED = frozenset({"title"})


@dataclass(frozen=True, slots=True)
class Signature:
    """A tool's description and input, and which of its arguments go where: `path`, `query` or `body`."""

    description: str
    schema: Schema
    places: Mapping[str, str]


def signature(tool: Tool, document: Mapping[str, Any]) -> Signature:
    """From the API's OpenAPI document. Raises KeyError for a route that is not there."""
    operation = document["paths"][_spelled(tool.path, document)][tool.method.lower()]
    properties: Schema = {}
    places: dict[str, str] = {}
    required: list[str] = []
    for each in operation.get("parameters", ()):
        if each["in"] not in ("path", "query"):
            continue  # headers are for programs: conditions, leases, keys
        name = each["name"]
        shown = _plain(each["schema"], document)
        if "description" in each:
            shown["description"] = each["description"]
        properties[name], places[name] = shown, each["in"]
        if each.get("required"):
            required.append(name)
    body = _body(operation, document)
    for name, shown in body.get("properties", {}).items():
        properties[name], places[name] = shown, "body"
    required += [name for name in body.get("required", ()) if name not in required]
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    said = str(operation.get("description", "")).strip()
    return Signature(f"{said} {tool.more}".strip(), schema, places)


def _spelled(path: str, document: Mapping[str, Any]) -> str:
    """The route in the document: FastAPI leaves converters such as `:path` out of it, or does not."""
    return next(each for each in (path, path[:-1] + ":path}") if each in document["paths"])


def _body(operation: Mapping[str, Any], document: Mapping[str, Any]) -> Schema:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return {}
    found = _plain(content["schema"], document)
    for branch in found.get("anyOf", ()):  # a body that may be left out
        if branch.get("type") == "object":
            return {**branch, "required": []}
    return found


def _plain(schema: Any, document: Mapping[str, Any], depth: int = 0) -> Any:
    """With what it refers to in its place, and without what says nothing. Deep nests end as any value."""
    if isinstance(schema, list):
        return [_plain(each, document, depth) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        if depth > 3:
            return {}
        name = schema["$ref"].rpartition("/")[2]
        return _plain(document["components"]["schemas"][name], document, depth + 1)
    return {
        key: {name: _plain(each, document, depth) for name, each in value.items()}
        if key == "properties"
        else _plain(value, document, depth)
        for key, value in schema.items()
        if key not in _DROPPED
    }
