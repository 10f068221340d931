"""What people see who are not logged in, and the cookies by which they are afterwards."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse, Response

from scheduler_defs.web.access.identity import COOKIE
from scheduler_defs.web.doors.headers import CONTENT_POLICY


@dataclass(frozen=True, slots=True)
class Cookies:
    """No script reads them, and no other page's form sends them. `secure`: they travel by https alone."""

    prefix: str
    secure: bool
    session: str = COOKIE

    def give_session(self, answer: Response, secret: str, lasts: dt.timedelta) -> None:
        """A login's."""
        self.give(answer, self.session, secret, round(lasts.total_seconds()), path=self.prefix or "/")

    def take_session(self, answer: Response) -> None:
        """A login that has ended."""
        self.take(answer, self.session, path=self.prefix or "/")

    def give(self, answer: Response, name: str, value: str, seconds: int, *, path: str) -> None:
        """Any other, for so long."""
        answer.set_cookie(
            name, value, max_age=seconds, path=path, secure=self.secure, httponly=True, samesite="lax"
        )

    def take(self, answer: Response, name: str, *, path: str) -> None:
        """It is used."""
        answer.delete_cookie(name, path=path, secure=self.secure, httponly=True, samesite="lax")


def page(
    template: str,
    values: Mapping[str, str],
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    *,
    script: bool = False,
) -> Response:
    """A page that loads nothing, whoever asks. `script`: one of its own, which may ask this server."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    if script:
        policy += f"; script-src 'nonce-{nonce}'; connect-src 'self'"
    text = _environment().get_template(template).render(nonce=nonce, **values)
    return HTMLResponse(
        text, status, headers={CONTENT_POLICY: policy, "Cache-Control": "no-store", **(headers or {})}
    )


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).with_name("templates")
    made = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    made.globals.update(fault="", name="", next="/", end="")
    return made
