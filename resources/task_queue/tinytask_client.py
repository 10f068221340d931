"""HTTP to a TinyTask server: bounded in time, tried again where that is safe, and never silent."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from resources.task_queue.protocol import TaskQueueDownError, UnknownTaskError
from scheduler_defs.errors import SignalboxError

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

    `timeout_seconds` bounds each wait for the server within one request. Requests that change nothing when
    repeated (GET, PATCH) are tried three times; a POST only when it cannot have arrived.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 10.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise SignalboxError(f"task queue: {url!r} is not an http:// or https:// address")
        parsed = httpx.URL(url)
        self.address = str(parsed.copy_with(userinfo=b"")).rstrip("/")
        self._http = httpx.Client(
            base_url=str(parsed).rstrip("/") + "/api/v1/",
            timeout=httpx.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds)),
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
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_FIRST_PAUSE_SECONDS * 3 ** (attempt - 1))
            try:
                answer = self._http.request(method, path, params=query, content=body, headers=headers)
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
