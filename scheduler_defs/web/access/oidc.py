"""Logging in at an OpenID Connect provider: there, and back with what proves it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scheduler_defs.access.oidc import logins, pending
from scheduler_defs.access.oidc.claims import LoginFault
from scheduler_defs.access.oidc.provider import Provider, said
from scheduler_defs.access.rate import Tries
from scheduler_defs.declarations.models.access import Access
from scheduler_defs.web.access.identity import Identities
from scheduler_defs.web.access.outside import Cookies, page
from scheduler_defs.web.doors.hosts import authority, origin

CALLBACK = "/signalbox/login/callback"
_PENDING = "signalbox_login"
_LONGEST_ADDRESS = 1_500
"""Of the page to come back to: with all of the rest in one cookie, of which browsers keep 4 kB."""


class OidcLogin:
    """To the provider and back. `urls`: addresses at which people reach the server, if any is said."""

    def __init__(
        self,
        identities: Identities,
        *,
        prefix: str,
        cookies: Cookies,
        login: str,
        urls: Sequence[str] = (),
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._identities = identities
        self._prefix = prefix
        self._cookies = cookies
        self._login = f"{prefix}{login}"
        self._urls = urls
        self._environ = environ
        self._provider: Provider | None = None
        self._lock = threading.Lock()
        self._of_address = Tries(50)

    async def begin(self, request: Request, wanted: str) -> Response:
        """To the provider's own page. `wanted`: a page of ours to come back to."""
        begun = pending.begin(wanted if len(wanted) <= _LONGEST_ADDRESS else f"{self._prefix}/", time.time())
        provider = self.provider(self._identities.access())
        try:
            address = await run_in_threadpool(provider.address, begun, self._back(request))
        except LoginFault as error:
            return self._fault(str(error), HTTPStatus.BAD_GATEWAY)
        answer = RedirectResponse(address, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})
        value = pending.sealed(begun, self._identities.credential)
        self._cookies.give(answer, _PENDING, value, pending.LASTS_SECONDS, path=self._login)
        return answer

    async def callback(self, request: Request) -> Response:
        """A login and the page that was wanted; or why not, in a line. The cookie of the beginning goes."""
        address = request.client.host if request.client else "?"
        if (wait := self._of_address.wait(address)) > 0:
            retry = {"Retry-After": str(int(wait) + 1)}
            return self._fault("too many logins that failed", HTTPStatus.TOO_MANY_REQUESTS, retry)
        access = self._identities.access()
        try:
            secret, wanted = await run_in_threadpool(self._come_back, request, access)
        except LoginFault as error:
            self._of_address.note(address, right=False)
            answer = self._fault(str(error), HTTPStatus.UNAUTHORIZED)
        else:
            self._of_address.note(address, right=True)
            answer = RedirectResponse(wanted, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})
            self._cookies.give_session(answer, secret, access.session)
        self._cookies.take(answer, _PENDING, path=self._login)
        return answer

    def provider(self, access: Access) -> Provider:
        """The one that is declared now."""
        assert access.oidc is not None
        with self._lock:
            if self._provider is None or self._provider.declared != access.oidc:
                self._provider = Provider(access.oidc, self._environ)
            return self._provider

    def forget_provider(self) -> None:
        """It is asked again for all that it has said of itself, and failed logins are counted anew."""
        with self._lock:
            self._provider, self._of_address = None, Tries(50)

    def _come_back(self, request: Request, access: Access) -> tuple[str, str]:
        cookie = request.cookies.get(_PENDING, "")
        begun = pending.opened(cookie, self._identities.credential, time.time())
        if begun is None or request.query_params.get("state") != begun.state:
            raise LoginFault("this browser has begun no such login, or it took longer than 10 minutes")
        try:
            return self._logged_in(request, access, begun), begun.wanted
        except LoginFault as error:
            logins.refused(self._identities.engine(), str(error))
            raise

    def _logged_in(self, request: Request, access: Access, begun: pending.Pending) -> str:
        given = request.query_params
        if "error" in given:
            about = said(given.get("error_description", ""))
            raise LoginFault(f"the provider says {said(given['error'])}{f': {about}' if about else ''}")
        if not given.get("code"):
            raise LoginFault("the provider has sent no code")
        provider = self.provider(access)
        person = provider.person(begun, given["code"], self._back(request), given.get("iss"))
        engine, issuer = self._identities.engine(), provider.declared.issuer
        before = request.cookies.get(self._cookies.session)
        secret = logins.log_in(engine, begun, person, issuer, access.session)
        if before:
            logins.log_out(engine, before)
            self._identities.forget(before)
        return secret

    def _back(self, request: Request) -> str:
        """The address of the callback, under the very name at which this browser has us."""
        named = authority(request.headers.get("host", ""))
        urls = [url for url in self._urls if origin(url) == named]
        urls += [url for url in self._urls if url.startswith("https://")]
        parts = urlsplit(urls[0]) if urls else request.url
        return f"{parts.scheme}://{parts.netloc}{self._prefix}{CALLBACK}"

    def _fault(self, fault: str, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
        values = {"title": "No login", "fault": fault, "login": self._login}
        return page("outside.html", values, status, headers)
