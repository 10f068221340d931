"""A small client for Dagster's GraphQL: the way the UI acts, and so the way Signalbox acts."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from scheduler_defs.errors import NotReachableError, SignalboxError

LOCATION = "signalbox"
REPOSITORY = "__repository__"

_OPERATIONS = Path(__file__).with_name("operations.graphql")


class GraphQLClient:
    """Sends the operations of `operations.graphql` by name to one webserver.

    `url` is the webserver's address, e.g. `http://127.0.0.1:3000`. The standard library does the HTTP:
    importing an HTTP client would cost a command more time than its request.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 90.0) -> None:
        self.url = url.rstrip("/")
        self.timeout_seconds = timeout_seconds

    def call(self, operation: str, **variables: object) -> Any:
        """The one top-level field of the operation's answer.

        Raises NotReachableError when no webserver answers, SignalboxError with the server's message when it
        refuses or fails.
        """
        body = {"query": document(operation), "operationName": operation, "variables": variables}
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked by _checked
            _checked(self.url) + "/graphql",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_seconds) as response:  # noqa: S310
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise SignalboxError(f"{self.url} answered {error.code}: {_first_line(error.read())}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise NotReachableError(f"no Dagster webserver at {self.url}: {reason}") from error
        if answer.get("errors"):
            raise SignalboxError(f"{operation}: {answer['errors'][0]['message']}")
        (result,) = answer["data"].values()
        return _refuse(operation, result)


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
    if kind.endswith(("Error", "Failure", "Conflict", "NotFound", "NotSupported")):
        raise SignalboxError(f"{_first_line(result.get('message', kind))}")
    return result


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise SignalboxError(f"{url!r} is not an http:// or https:// address")
    return url


def _first_line(text: str | bytes) -> str:
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    return next((line for line in decoded.splitlines() if line.strip()), "no message")[:500]
