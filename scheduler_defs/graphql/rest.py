"""What our API answers to the command: the quick way, because the webserver has the declarations loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from scheduler_defs.errors import NotThereError, SignalboxError

if TYPE_CHECKING:
    from scheduler_defs.graphql.client import GraphQLClient
    from scheduler_defs.graphql.transport import Reply

FAULTS_HEADER = "X-Signalbox-Faults"
"""In the answer with schedules: how many faults the files of the declarations have."""
_PAGE = 1000


@dataclass(frozen=True)
class Listed:
    """Schedules by name, and how many faults the declarations have."""

    schedules: list[dict[str, Any]]
    faults: int


def listed_schedules(client: GraphQLClient) -> Listed | None:
    """Every declared schedule. None from a webserver that is plain Dagster's. Raises as `send` does."""
    rows: list[dict[str, Any]] = []
    faults = 0
    place: dict[str, Any] = {"limit": _PAGE}
    while True:
        reply = _reply(client, f"/schedules?{urlencode(place)}")
        if reply is None:
            return None
        page = json.loads(reply.body)
        rows += page["items"]
        faults = int(reply.headers.get(FAULTS_HEADER, 0))
        if page["next"] is None:
            return Listed(rows, faults)
        place["cursor"] = page["next"]


def quick_answer(client: GraphQLClient, path: str) -> Any:
    """What our API answers to a path that reads.

    None from a webserver that is plain Dagster's, is away, or refuses: asking in the slow way, a command
    says why in its own words.
    """
    try:
        reply = _reply(client, path)
    except SignalboxError:
        return None
    return None if reply is None else json.loads(reply.body)


def _reply(client: GraphQLClient, path: str) -> Reply | None:
    try:
        reply = client.get(f"/api/v1{path}")
    except NotThereError:
        return None
    # Dagster's has a page for every path.
    return reply if reply.headers.get_content_type() == "application/json" else None
