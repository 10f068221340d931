"""One call of a tool: its arguments become a request to the API, the answer becomes a short text."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from scheduler_defs.web.mcp.schemas import Signature
from scheduler_defs.web.mcp.tools import Tool

MOST_CHARACTERS = 20_000
"""Of an answer. Whoever reads it pays for each."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request to the API, below `/api/v1`."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API has answered."""

    status: int
    content: Any


Ask = Callable[[Order], Awaitable[Reply]]


def order(tool: Tool, known: Signature, given: Mapping[str, Any]) -> Order:
    """The request for a call. Raises ValueError, which names what does not fit."""
    unknown = [name for name in given if name not in known.places]
    if unknown:
        allowed = ", ".join(known.places) or "none"
        raise ValueError(f"{tool.name} takes no {', '.join(map(repr, unknown))}; allowed are {allowed}")
    missing = [name for name in known.schema.get("required", ()) if given.get(name) is None]
    if missing:
        raise ValueError(f"{tool.name} needs {', '.join(missing)}")
    at: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
    for name, value in given.items():
        if value is not None:
            at[known.places[name]][name] = value
    if tool.fewer is not None and "limit" in known.places:
        at["query"].setdefault("limit", tool.fewer)
    path = tool.path
    for name, value in at["path"].items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=":@"))
    query = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in at["query"].items()
    }
    return Order(tool.method, path, query, at["body"] or None)


def text(content: Any) -> str:
    """An answer in few characters: without what is empty, and cut where it is long."""
    short = _without_nothing(content)
    said = _json(short)
    if len(said) <= MOST_CHARACTERS:
        return said
    items = short.get("items") if isinstance(short, dict) else short
    if not isinstance(items, list):
        return said[:MOST_CHARACTERS] + " … (cut: ask for less)"
    kept = len(items)
    while kept and len(said) > MOST_CHARACTERS:
        kept = kept * 3 // 4
        said = _json({"items": items[:kept], "left_out": len(items) - kept})
    return said


def fault(reply: Reply) -> str:
    """What a problem of the API says, in one line."""
    problem = reply.content if isinstance(reply.content, dict) else {}
    said = str(problem.get("detail") or f"the API answered {reply.status}")
    faults = "; ".join(f"{each['path']}: {each['message']}" for each in problem.get("faults", ()))
    return f"{said}: {faults}" if faults else said


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(each) for key, each in value.items() if each not in (None, [], {}, "")}
    return [_without_nothing(each) for each in value] if isinstance(value, list) else value
