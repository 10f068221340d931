"""What an HTTP address answers. GET only, redirects are not followed, at most 1 MB is read."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

from scheduler_defs.conditions.probes.json_path import pick, steps
from scheduler_defs.conditions.registry import Look, probe
from scheduler_defs.errors import NotReachableError, SignalboxError

_LONGEST_BODY = 1_000_000


def _url_fault(argument: str) -> str | None:
    try:
        parts = urlsplit(argument)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or any(character.isspace() for character in argument):
        return f"{argument!r} must be an address such as http://127.0.0.1:8080/health"
    return None


def _json_fault(argument: str) -> str | None:
    url, path = _split(argument)
    if fault := _url_fault(url):
        return fault
    try:
        steps(path)
    except ValueError as error:
        return str(error)
    return None


@probe("http.status", argument="url", kind="number", check=_url_fault)
def http_status(url: str, look: Look) -> int:
    """Status of the answer. An address that does not answer is an error; see `http.reachable`."""
    return _get(url, look, body=False)[0]


@probe("http.reachable", argument="url", kind="boolean", check=_url_fault)
def http_reachable(url: str, look: Look) -> bool:
    """Whether there is any answer, whatever its status."""
    try:
        _get(url, look, body=False)
    except NotReachableError:
        return False
    return True


@probe("http.json", argument="url $.path", check=_json_fault)
def http_json(argument: str, look: Look) -> Any:
    """Value at a JSON path of the answer's body; nothing when the path leads nowhere."""
    url, path = _split(argument)
    status, body = _get(url, look, body=True)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise SignalboxError(f"the answer (status {status}) is not JSON") from None
    return pick(document, path)


def _split(argument: str) -> tuple[str, str]:
    url, _, path = argument.partition(" ")
    return url, path.strip() or "$"


def _get(url: str, look: Look, *, body: bool) -> tuple[int, bytes]:
    """Raises NotReachableError when there is no answer in time, SignalboxError when it is too long."""
    import httpx

    deadline = time.monotonic() + look.seconds
    try:
        with httpx.stream("GET", url, timeout=look.seconds, follow_redirects=False) as answer:
            if not body:
                return answer.status_code, b""
            read = bytearray()
            for piece in answer.iter_bytes():
                read += piece
                if len(read) > _LONGEST_BODY:
                    raise SignalboxError(f"the answer is longer than {_LONGEST_BODY} bytes")
                if time.monotonic() > deadline:
                    raise NotReachableError(f"the answer took longer than {look.seconds:.1f} s")
            return answer.status_code, bytes(read)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        reason = str(error) or type(error).__name__
        raise NotReachableError(f"no answer: {reason}") from None
