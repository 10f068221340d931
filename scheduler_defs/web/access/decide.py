"""An approval decided by the link of an alert, without a login: a page, and a POST that a person sends.

What the link proves stands behind the `#` of the page's address, so it is in no log of a server or proxy.
To open the page decides nothing, whoever opens it: mail is looked through by programs that follow links.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scheduler_defs.access.rate import Tries
from scheduler_defs.access.table import NotAllowed, Principal, admin, of_person
from scheduler_defs.approvals import links, used_links
from scheduler_defs.approvals.deciding import AlreadyDecided, UnknownApproval, approve, deny
from scheduler_defs.approvals.links import Link, NoLink
from scheduler_defs.approvals.reading import one
from scheduler_defs.approvals.wording import asked
from scheduler_defs.audit.entries import Acting, Channel, acting_as
from scheduler_defs.declarations.models.access import Mode
from scheduler_defs.declarations.models.alerts import Channel as AlertChannel
from scheduler_defs.errors import SignalboxError
from scheduler_defs.web.access.identity import Identities
from scheduler_defs.web.access.outside import page
from scheduler_defs.web.problems import problem

DECIDE = "/signalbox/decide"
LOOK = f"{DECIDE}/look"
_LONGEST = 500
_STATUS = {
    NoLink: HTTPStatus.GONE,
    UnknownApproval: HTTPStatus.NOT_FOUND,
    AlreadyDecided: HTTPStatus.CONFLICT,
    NotAllowed: HTTPStatus.FORBIDDEN,
}


class Decide:
    """The routes. `channels`: those of the alerts that are declared now."""

    def __init__(
        self, identities: Identities, *, prefix: str, channels: Callable[[], Mapping[str, AlertChannel]]
    ) -> None:
        self._identities = identities
        self._prefix = prefix
        self._channels = channels
        self._of_address = Tries(20)

    def routes(self) -> list[Route]:
        """To be placed before Dagster's."""
        return [
            Route(DECIDE, self.page, methods=["GET"]),
            Route(DECIDE, self.decide, methods=["POST"]),
            Route(LOOK, self.look, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The same for every link: its script asks for what the link is about."""
        values = {"title": "Approval", "decide": f"{self._prefix}{DECIDE}"}
        return page("decide.html", values, script=True)

    async def look(self, request: Request) -> Response:
        """`{text, person}`: what is asked, and for whom the link decides. Changes nothing."""
        return await self._answer(request, self._about)

    async def decide(self, request: Request) -> Response:
        """`{answer: approve or deny, reason}`; `{state}` then. Once for each link."""
        return await self._answer(request, self._decided)

    async def _answer(self, request: Request, do: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Response:
        address = request.client.host if request.client else "?"
        if (wait := self._of_address.wait(address)) > 0:
            retry = {"Retry-After": str(int(wait) + 1)}
            return problem(HTTPStatus.TOO_MANY_REQUESTS, "too many links that are none", headers=retry)
        try:
            given = json.loads(await request.body())
        except ValueError:
            given = None
        if not isinstance(given, dict) or not isinstance(given.get("link"), str):
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "a JSON object with a text `link` is wanted")
        try:
            answer = await run_in_threadpool(do, given)
        except SignalboxError as error:
            if isinstance(error, NoLink):
                self._of_address.note(address, right=False)
            return problem(_STATUS.get(type(error), HTTPStatus.UNPROCESSABLE_ENTITY), str(error))
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def _about(self, given: Mapping[str, Any]) -> dict[str, Any]:
        link, who = self._opened(given["link"])
        with self._identities.engine().connect() as connection:
            found = one(connection, link.approval)
            if used_links.is_used(connection, link):
                raise NoLink("this link has been used already")
        if found is None:
            raise UnknownApproval(f"there is no approval {link.approval} any more")
        if found["state"] != "pending":
            raise AlreadyDecided(f"approval {link.approval} is {found['state']} already")
        return {"text": asked(found), "person": who.name}

    def _decided(self, given: Mapping[str, Any]) -> dict[str, Any]:
        link, who = self._opened(given["link"])
        engine, reason = self._identities.engine(), str(given.get("reason") or "")[:_LONGEST]
        with acting_as(Acting(who.name, Channel.LINK)):
            match given.get("answer"):
                case "approve":
                    found = approve(
                        engine, link.approval, who, also=lambda each: used_links.use(each, link, who.name)
                    )
                case "deny":
                    found = deny(
                        engine,
                        link.approval,
                        who,
                        reason,
                        also=lambda each: used_links.use(each, link, who.name),
                    )
                case _:
                    raise SignalboxError("answer is approve or deny")
        return {"state": found["state"], "given": found["given"], "needs": found["needs"]}

    def _opened(self, text: str) -> tuple[Link, Principal]:
        link = links.read(text, self._identities.credential, time.time())
        with self._identities.engine().connect() as connection:
            name = used_links.channel_of(connection, link)
        channel = self._channels().get(name or "")
        if channel is None or channel.approve_as is None:
            raise NoLink("the channel that this link was sent to decides nothing any more")
        access = self._identities.access()
        if access.mode is Mode.LOCAL:
            return link, admin(channel.approve_as)
        return link, of_person(channel.approve_as, access.grants)
