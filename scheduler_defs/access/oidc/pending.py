"""A login that has begun: what its answer must fit, kept in a cookie of the very browser, signed. Pure.

An answer that is brought to another browser fits nothing there: nobody can be logged in as somebody else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass

LASTS_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Pending:
    """`verifier`: of PKCE. `wanted`: the page to go to afterwards. `until`: seconds since 1970."""

    state: str
    nonce: str
    verifier: str
    wanted: str
    until: float


def begin(wanted: str, now: float) -> Pending:
    """A fresh one."""
    return Pending(
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(48),
        wanted,
        now + LASTS_SECONDS,
    )


def sealed(pending: Pending, key: str) -> str:
    """As the cookie holds it."""
    body = base64.urlsafe_b64encode(json.dumps(asdict(pending)).encode()).decode().rstrip("=")
    return f"{body}.{_mark(body, key)}"


def opened(cookie: str, key: str, now: float) -> Pending | None:
    """None for what we have not signed, and for what is over."""
    body, _, mark = cookie.partition(".")
    if not hmac.compare_digest(mark.encode(), _mark(body, key).encode()):
        return None
    found = Pending(**json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    return found if now < found.until else None


def _mark(body: str, key: str) -> str:
    own = hmac.new(key.encode(), b"a login that has begun", hashlib.sha256).digest()
    return hmac.new(own, body.encode(), hashlib.sha256).hexdigest()
