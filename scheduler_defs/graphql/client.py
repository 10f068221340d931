"""A small client for Dagster's GraphQL: the way the UI acts, and so the way Signalbox acts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from scheduler_defs import settings
from scheduler_defs.access import credential
from scheduler_defs.errors import NotReachableError, SignalboxError
from scheduler_defs.graphql.transport import Reply, code_server_away, first_line, send

LOCATION = "signalbox"
REPOSITORY = "__repository__"

_OPERATIONS = Path(__file__).with_name("operations.graphql")


class GraphQLClient:
    """Sends the operations of `operations.graphql` by name to one webserver.

    `url` is the webserver's address, e.g. `http://127.0.0.1:3000`. `headers` are sent with each request; by
    default those that show who asks (`scheduler_defs.access.credential`).
    """

    def __init__(
        self, url: str, *, timeout_seconds: float = 90.0, headers: Mapping[str, str] | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self._headers = credential.headers(settings.settings().state) if headers is None else headers
        self.timeout_seconds = timeout_seconds

    def call(self, operation: str, **variables: object) -> Any:
        """The one top-level field of the operation's answer.

        Raises NotReachableError when no webserver answers, SignalboxError with the server's message when it
        refuses or fails.
        """
        answer = self.answer(
            {"query": document(operation), "operationName": operation, "variables": variables}
        )
        if answer.get("errors"):
            raise SignalboxError(f"{operation}: {answer['errors'][0]['message']}")
        (result,) = answer["data"].values()
        return _refuse(operation, result)

    def switches(self, names: Iterable[str]) -> Mapping[str, bool]:
        """Whether schedules are on, by their Dagster names; without those that the instance does not know."""
        answer = self.call("Schedules", location=LOCATION, repository=REPOSITORY)
        wanted = frozenset(names)
        return {
            found["name"]: found["scheduleState"]["status"] == "RUNNING"
            for found in answer["results"]
            if found["name"] in wanted
        }

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the webserver answers to a GraphQL request."""
        reply = self._send("/graphql", json.dumps(body).encode())
        try:
            return json.loads(reply.body)
        except ValueError as error:
            raise NotReachableError(f"no Dagster webserver at {self.url}: {error}") from error

    def get(self, path: str) -> Reply:
        """What the webserver answers to a path, e.g. `/api/v1/schedules`. Raises as `send` does."""
        return self._send(path)

    def _send(self, path: str, body: bytes | None = None) -> Reply:
        return send(self.url, path, body, headers=self._headers, timeout_seconds=self.timeout_seconds)


def document(operation: str) -> str:
    """The operation's text with the fragments that it uses."""
    found = operations()
    if operation not in found:
        raise KeyError(operation)
    text = found[operation]
    fragments = [found[name] for name in dict.fromkeys(re.findall(r"\.\.\.(\w+)", text)) if name in found]
    return "\n\n".join([text, *fragments])


@lru_cache(maxsize=1)
def operations() -> Mapping[str, str]:
    """Every operation and fragment of `operations.graphql`, by name."""
    text = re.sub(r"^#.*\n", "", _OPERATIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    blocks = re.split(r"\n(?=(?:query|mutation|fragment) )", text)
    named = (re.match(r"\s*(?:query|mutation|fragment) (\w+)", block) for block in blocks)
    return {match[1]: block.strip() for match, block in zip(named, blocks, strict=True) if match}


def _refuse(operation: str, result: Any) -> Any:
    kind = result.get("__typename", "") if isinstance(result, dict) else ""
    if kind == "RunConfigValidationInvalid":
        raise SignalboxError("; ".join(error["message"] for error in result["errors"]))
    if kind == "PythonError" and (away := code_server_away(str(result.get("message", "")))):
        raise away
    if kind.endswith(("Error", "Failure", "Conflict", "NotFound", "NotSupported")):
        raise SignalboxError(f"{first_line(result.get('message', kind))}")
    return result
