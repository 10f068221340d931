"""The login page: a name, a password, and a cookie that no script can read; or the way to the provider's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from scheduler_defs.access import people
from scheduler_defs.access.oidc import logins
from scheduler_defs.access.rate import Tries
from scheduler_defs.declarations.models.access import Mode
from scheduler_defs.web.access.identity import COOKIE, Identities
from scheduler_defs.web.access.oidc import CALLBACK, OidcLogin
from scheduler_defs.web.access.outside import Cookies, page
from scheduler_defs.web.problems import problem

LOGIN = "/signalbox/login"
LOGOUT = "/signalbox/logout"
LOGGED_OUT = "/signalbox/logged-out"
_MOST_BYTES = 10_000


class Login:
    """The routes of logging in and out. `prefix`: where a proxy has the server, or nothing.

    `secure`: people reach it by https, so that the cookie travels over nothing else. `urls`: where they do.
    """

    def __init__(
        self, identities: Identities, *, prefix: str, secure: bool, urls: Sequence[str] = ()
    ) -> None:
        self._identities = identities
        self._prefix = prefix
        self._cookies = Cookies(prefix, secure)
        self._oidc = OidcLogin(identities, prefix=prefix, cookies=self._cookies, login=LOGIN, urls=urls)
        # A proxy may be the address of everybody, and anybody may try somebody's name: only both together are
        # stopped soon.
        self._of_both, self._of_name, self._of_address = Tries(5), Tries(30), Tries(100)
        # Hashing takes 64 MB and a core for a moment; and a try is counted before the next one is looked at.
        self._hashing = anyio.CapacityLimiter(1)

    def routes(self) -> list[Route]:
        """To be placed before Dagster's."""
        return [
            Route(LOGIN, self.page, methods=["GET"]),
            Route(LOGIN, self.log_in, methods=["POST"]),
            Route(CALLBACK, self.come_back, methods=["GET"]),
            Route(LOGOUT, self.log_out, methods=["POST"]),
            Route(LOGGED_OUT, self.logged_out, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """The form; with an OpenID Connect provider, the way there."""
        wanted = inside(request.query_params.get("next"), self._prefix)
        match self._identities.access().mode:
            case Mode.PASSWORD:
                return self._form(next=wanted)
            case Mode.OIDC:
                return await self._oidc.begin(request, wanted)
            case mode:
                return problem(HTTPStatus.NOT_FOUND, f"there is no login here: access.mode is {mode}")

    async def come_back(self, request: Request) -> Response:
        """From the provider."""
        if self._identities.access().mode is not Mode.OIDC:
            return problem(HTTPStatus.NOT_FOUND, "nobody comes back here: access.mode is not oidc")
        return await self._oidc.callback(request)

    async def log_in(self, request: Request) -> Response:
        """A cookie and the page that was wanted; or the form again. 429 after several wrong passwords."""
        access = self._identities.access()
        if access.mode is not Mode.PASSWORD:
            return problem(HTTPStatus.NOT_FOUND, "there is no login here: access.mode is not password")
        given = await _fields(request)
        name, wanted = given.get("name", "").strip()[:200], inside(given.get("next"), self._prefix)
        async with self._hashing:
            wait = self._wait(request, name)
            if wait > 0:
                seconds = math.ceil(wait)
                fault = f"too many wrong passwords; the next is looked at in {seconds} s"
                retry = {"Retry-After": str(seconds)}
                return self._form(HTTPStatus.TOO_MANY_REQUESTS, retry, next=wanted, name=name, fault=fault)
            secret = await run_in_threadpool(
                people.log_in, self._identities.engine(), name, given.get("password", ""), access.session
            )
            for tries, key in self._counted(request, name):
                tries.note(key, right=secret is not None)
        if secret is None:
            fault = "name or password is wrong"
            return self._form(HTTPStatus.UNAUTHORIZED, next=wanted, name=name, fault=fault)
        await self._end(request)
        answer = RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
        self._cookies.give_session(answer, secret, access.session)
        return answer

    async def log_out(self, request: Request) -> Response:
        """End the login, here and in the database; with a provider, one may end it there, too."""
        await self._end(request)
        oidc = self._identities.access().mode is Mode.OIDC
        answer = RedirectResponse(f"{self._prefix}{LOGGED_OUT if oidc else LOGIN}", HTTPStatus.SEE_OTHER)
        self._cookies.take_session(answer)
        return answer

    async def logged_out(self, request: Request) -> Response:
        """Where one is left: going to the login by itself would log one in again."""
        access, end = self._identities.access(), None
        if access.mode is Mode.OIDC and access.oidc is not None:
            end = await run_in_threadpool(self._oidc.provider(access).end_address)
            mark = "&" if end and "?" in end else "?"
            end = f"{end}{mark}{urlencode({'client_id': access.oidc.client_id})}" if end else None
        values = {"title": "Logged out", "login": f"{self._prefix}{LOGIN}", "end": end or ""}
        return page("outside.html", values)

    def forget_provider(self) -> None:
        """The OpenID Connect provider is asked again for all that it has said of itself."""
        self._oidc.forget_provider()

    def _counted(self, request: Request, name: str) -> tuple[tuple[Tries, str], ...]:
        address = request.client.host if request.client else "?"
        return (self._of_both, f"{address} {name}"), (self._of_name, name), (self._of_address, address)

    def _wait(self, request: Request, name: str) -> float:
        return max(tries.wait(key) for tries, key in self._counted(request, name))

    async def _end(self, request: Request) -> None:
        secret = request.cookies.get(COOKIE)
        if secret:
            end = logins.log_out if self._identities.access().mode is Mode.OIDC else people.log_out
            await run_in_threadpool(end, self._identities.engine(), secret)
            self._identities.forget(secret)

    def _form(
        self, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None, **values: str
    ) -> Response:
        values = {"action": f"{self._prefix}{LOGIN}", "title": "Log in", **values}
        return page("login.html", values, status, headers)


async def _fields(request: Request) -> dict[str, str]:
    """What the form holds. Raises 413 and 422 for what our form never sends."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "that is no login of ours")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=10))
    except ValueError:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "this is no form of ours") from None


def inside(wanted: str | None, prefix: str) -> str:
    """A page of ours to go to afterwards, and never somebody else's."""
    home = f"{prefix}/"
    plain = wanted and wanted.startswith("/") and wanted.isprintable() and "\\" not in wanted
    return wanted if plain and wanted and not wanted.startswith("//") else home
