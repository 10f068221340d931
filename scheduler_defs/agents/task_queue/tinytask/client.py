"""HTTP to a TinyTask server: bounded in time, tried again where that is safe, and never silent."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from scheduler_defs.agents.task_queue.protocol import TaskQueueDownError, UnknownTaskError
from scheduler_defs.errors import SignalboxError

# Each request would be a line in the output of whoever works on a task.
logging.getLogger("httpx").setLevel(logging.WARNING)

_TRIES = 3
_FIRST_PAUSE_SECONDS = 0.1
_CONNECT_SECONDS = 2.0
_LARGEST_BODY = 100 * 1024
"""TinyTask answers larger ones with 500."""

_TRY_AGAIN = frozenset({502, 503, 504})


class RefusedError(SignalboxError):
    """The server says no. `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TinyTaskClient:
    """Requests below `<url>/api/v1`. One client per process; safe to use from several threads.

    `timeout_seconds` bounds a request with all that is tried for it. Requests that change nothing when
    repeated (GET, PATCH) are tried up to three times; a POST only when it cannot have arrived. `on_change`
    is called when the server may have changed something.
    """

    def __init__(
        self, url: str, *, timeout_seconds: float = 5.0, on_change: Callable[[], None] = lambda: None
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise SignalboxError(f"task queue: {url!r} is not an http:// or https:// address")
        parsed = httpx.URL(url)
        self.address = str(parsed.copy_with(userinfo=b"")).rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._on_change = on_change
        self._http = httpx.Client(
            base_url=str(parsed).rstrip("/") + "/api/v1/",
            # The server is named outright; a proxy from the environment has no business in between.
            trust_env=False,
        )

    @contextmanager
    def understanding(self) -> Iterator[None]:
        """Around reading an answer: one of another shape is an error that names the server."""
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TaskQueueDownError(
                f"the task queue at {self.address} does not speak TinyTask's REST API: {error!r}"
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: str) -> Any:
        """The answer's document."""
        return self._request("GET", path, query=query, again=True)

    def patch(self, path: str, document: Mapping[str, Any]) -> Any:
        """Change fields; the answer's document."""
        return self._request("PATCH", path, document=document, again=True)

    def post(self, path: str, document: Mapping[str, Any]) -> Any:
        """Create something, or do something once; the answer's document."""
        return self._request("POST", path, document=document, again=False)

    def delete(self, path: str) -> Any:
        """Remove something."""
        return self._request("DELETE", path, again=False)

    def _request(
        self,
        method: str,
        path: str,
        *,
        again: bool,
        query: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> Any:
        body = None if document is None else json.dumps(document, ensure_ascii=False).encode()
        if body is not None and len(body) > _LARGEST_BODY:
            raise SignalboxError(f"{len(body)} bytes of task; TinyTask takes at most {_LARGEST_BODY}")
        headers = {"Content-Type": "application/json"} if body is not None else None
        reason = "no reason given"
        deadline = time.monotonic() + self._timeout_seconds
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_FIRST_PAUSE_SECONDS * 3 ** (attempt - 1))
            if time.monotonic() >= deadline:
                break
            try:
                answer = self._send(method, path, query, body, headers, deadline)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
                if again or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                    continue
                break
            if answer.status_code in _TRY_AGAIN and again:
                reason = f"it answers {answer.status_code}"
                continue
            return self._document(answer)
        raise TaskQueueDownError(f"the task queue at {self.address} does not answer: {reason}")

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        deadline: float,
    ) -> httpx.Response:
        """One try. Raises httpx.TransportError, also when the answer has not all come by the deadline."""
        left = max(0.001, deadline - time.monotonic())
        timeout = httpx.Timeout(left, connect=min(_CONNECT_SECONDS, left))
        wanted = self._http.build_request(
            method, path, params=query, content=body, headers=headers, timeout=timeout
        )
        try:
            answer = self._http.send(wanted, stream=True)
            try:
                parts: list[bytes] = []
                for part in answer.iter_bytes():
                    parts.append(part)
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer did not all come in time")
            finally:
                answer.close()
        finally:
            if method != "GET":
                self._on_change()
        headers_kept = {"content-type": answer.headers.get("content-type", "")}
        return httpx.Response(
            answer.status_code, headers=headers_kept, content=b"".join(parts), request=wanted
        )

    def _document(self, answer: httpx.Response) -> Any:
        try:
            document = answer.json()
        except ValueError:
            raise TaskQueueDownError(
                f"the task queue at {self.address} does not speak TinyTask's REST API: "
                f"{answer.request.method} {answer.request.url.path} gave {answer.status_code} without JSON"
            ) from None
        if answer.is_success:
            return document
        message = str(document.get("error") if isinstance(document, dict) else answer.status_code)
        text = f"the task queue at {self.address} refuses: {message}"
        if answer.status_code == 404 and re.search(r"task.* not found", message, re.IGNORECASE):
            raise UnknownTaskError(text)
        if answer.status_code >= 500:
            raise TaskQueueDownError(text)
        raise RefusedError(text, answer.status_code)
