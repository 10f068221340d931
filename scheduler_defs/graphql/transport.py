"""One request to the webserver, and in one line why it came to nothing.

The standard library does the HTTP: importing an HTTP client would cost a command more time than its request.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from scheduler_defs.errors import NotReachableError, NotThereError, SignalboxError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# How Dagster says that nobody answers for the code location.
_AWAY = re.compile(
    r"DagsterUserCodeUnreachableError|user code server|gRPC server|UNAVAILABLE|Could not reach"
)


@dataclass(frozen=True)
class Reply:
    """An answer that is not an error."""

    body: bytes
    headers: Message


def send(
    url: str, path: str, body: bytes | None, *, headers: Mapping[str, str], timeout_seconds: float
) -> Reply:
    """Ask for a path below the webserver's address; a `body` is JSON, and posted.

    Raises NotReachableError when no webserver answers, or it lacks what it needs; NotThereError when it does
    not have the path; SignalboxError when it refuses.
    """
    given = {"Content-Type": "application/json", **headers} if body is not None else dict(headers)
    request = urllib.request.Request(_checked(url) + path, data=body, headers=given)  # noqa: S310 - checked
    try:
        with _opener(url).open(request, timeout=timeout_seconds) as response:
            return Reply(response.read(), response.headers)
    except urllib.error.HTTPError as error:
        raise _refused(url, error.code, error.read()) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotReachableError(f"no Dagster webserver at {url}: {reason}") from error


def code_server_away(text: str, message: str | None = None) -> NotReachableError | None:
    """The error for an answer of Dagster's that says that it cannot reach the code server; else None."""
    if not _AWAY.search(text):
        return None
    return NotReachableError(f"the code server is not there, or starts again: {first_line(message or text)}")


def first_line(text: str | bytes) -> str:
    """The first line with anything on it."""
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    return next((line for line in decoded.splitlines() if line.strip()), "no message")[:500]


def _refused(url: str, status: int, text: bytes) -> SignalboxError:
    """What an answer with the status of an error means."""
    try:
        found = json.loads(text)
    except ValueError:
        found = {}
    if away := code_server_away(text.decode(errors="replace"), _message(found)):
        return away
    detail = first_line(found.get("detail") or text) if isinstance(found, dict) else first_line(text)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return NotReachableError(f"{url}: {detail}")
    kind = NotThereError if status == HTTPStatus.NOT_FOUND else SignalboxError
    return kind(f"{url} answered {status}: {detail}")


def _message(answer: Any) -> str:
    """What Dagster says in an answer to one operation that could not be carried out."""
    try:
        (result,) = answer["data"].values()
        return result["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no answer"


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise SignalboxError(f"{url!r} is not an http:// or https:// address")
    return url


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Through the environment's proxies, but never to this machine itself: a proxy's loopback is its own."""
    if (urlsplit(url).hostname or "").lower() in _LOOPBACK:
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener()
