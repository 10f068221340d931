"""An HTTP client with a deadline, bounded attempts, and a token that goes to one place only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import Field

from resources.base import YardResource

if TYPE_CHECKING:
    import httpx

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""RFC 9110, 9.2.2: asking twice means what asking once means."""
_LATER = frozenset({429, 502, 503, 504})


class HttpResource(YardResource):
    """Requests relative to `base_url`."""

    base_url: str = Field(default="", description="What relative paths are relative to.")
    token_env: str = Field(default="", description="The variable that holds a bearer token for base_url.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Of one request.")
    attempts: int = Field(default=3, ge=1, le=10, description="In all, of requests that may be repeated.")

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """A client of httpx. Redirects are not followed: the token would go along."""
        import httpx

        with httpx.Client(
            base_url=self.base_url, timeout=self.timeout_seconds, headers=self.bearer(self.token_env)
        ) as client:
            yield client

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; repeated, after a growing pause, when nobody answers or the server says "later".

        Raises httpx.HTTPError. An answer with a status of 400 or more is an answer.
        """
        import httpx
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            retry_if_result,
            stop_after_attempt,
            wait_random_exponential,
        )

        tries = self.attempts if method.upper() in _REPEATABLE else 1
        again = Retrying(
            stop=stop_after_attempt(tries),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            retry=retry_if_exception_type(httpx.TransportError)
            | retry_if_result(lambda answer: answer.status_code in _LATER),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        with self.client() as client:
            return again(client.request, method, path, **options)
