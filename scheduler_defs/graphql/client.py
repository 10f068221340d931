"""A small client for Dagster's GraphQL: the way the UI acts, and so the way Signalbox acts."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scheduler_defs import settings
from scheduler_defs.access import credential
from scheduler_defs.errors import NotReachableError, SignalboxError

LOCATION = "signalbox"
REPOSITORY = "__repository__"

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OPERATIONS = Path(__file__).with_name("operations.graphql")


class GraphQLClient:
    """Sends the operations of `operations.graphql` by name to one webserver.

    `url` is the webserver's address, e.g. `http://127.0.0.1:3000`. `headers` are sent with each request; by
    default those that show who asks (`scheduler_defs.access.credential`). The standard library does the HTTP:
    importing an HTTP client would cost a command more time than its request.
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
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked by _checked
            _checked(self.url) + "/graphql",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **self._headers},
        )
        try:
            with _opener(self.url).open(request, timeout=self.timeout_seconds) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read()
            if message := _code_server_away(text):
                raise NotReachableError(
                    f"the code server is not there, or starts again: {message}"
                ) from error
            raise SignalboxError(f"{self.url} answered {error.code}: {_first_line(text)}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise NotReachableError(f"no Dagster webserver at {self.url}: {reason}") from error


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


# How Dagster says that nobody answers for the code location.
_AWAY = re.compile(
    r"DagsterUserCodeUnreachableError|user code server|gRPC server|UNAVAILABLE|Could not reach"
)


def _code_server_away(text: bytes) -> str | None:
    """What an answer of an unwell webserver says of a code server that it cannot reach, in one line."""
    if not _AWAY.search(text.decode(errors="replace")):
        return None
    try:
        (result,) = json.loads(text)["data"].values()
        return _first_line(result["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no answer"


def _refuse(operation: str, result: Any) -> Any:
    kind = result.get("__typename", "") if isinstance(result, dict) else ""
    if kind == "RunConfigValidationInvalid":
        raise SignalboxError("; ".join(error["message"] for error in result["errors"]))
    if kind == "PythonError" and _AWAY.search(str(result.get("message", ""))):
        raise NotReachableError(
            f"the code server is not there, or starts again: {_first_line(result['message'])}"
        )
    if kind.endswith(("Error", "Failure", "Conflict", "NotFound", "NotSupported")):
        raise SignalboxError(f"{_first_line(result.get('message', kind))}")
    return result


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise SignalboxError(f"{url!r} is not an http:// or https:// address")
    return url


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Through the environment's proxies, but never to this machine itself: a proxy's loopback is its own."""
    if (urlsplit(url).hostname or "").lower() in _LOOPBACK:
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener()


def _first_line(text: str | bytes) -> str:
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    return next((line for line in decoded.splitlines() if line.strip()), "no message")[:500]
