"""Who asks: from a token, a login's cookie, a trusted proxy's header, or the machine itself."""

from __future__ import annotations

import hmac
import ipaddress
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import unquote

import sqlalchemy as sa
from starlette.requests import HTTPConnection

from scheduler_defs.access import people, tokens
from scheduler_defs.access.credential import ACTOR_HEADER
from scheduler_defs.access.oidc import logins
from scheduler_defs.access.table import Principal, admin, of_person
from scheduler_defs.declarations.models.access import Access, Mode
from scheduler_defs.web.access.peers import user_of

COOKIE = "signalbox_session"
REMEMBERED_SECONDS = 2.0
"""How long a token or login that was good is not looked up again: so long it outlives its revocation."""
_LONGEST_NAME = 200

_Found = TypeVar("_Found")


@dataclass
class Identities:
    """Finds who asks. Blocking: call it in a thread.

    `access` gives what is declared now. `credential`: the stack's own. `anyone`: whoever reaches a server
    without a login may do everything (`up --without-login`), also from elsewhere.
    """

    access: Callable[[], Access]
    engine: Callable[[], sa.Engine]
    credential: str
    anyone: bool = False
    clock: Callable[[], float] = monotonic
    _known: dict[tuple[str, str], tuple[float, object]] = field(default_factory=dict[Any, Any])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, connection: HTTPConnection) -> Principal | None:
        """None: nobody that is known here."""
        kind, _, secret = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._bearer(secret.strip(), connection)
        access = self.access()
        match access.mode:
            case Mode.LOCAL:
                return self._local(connection)
            case Mode.PASSWORD:
                return self._logged_in(connection, access)
            case Mode.PROXY:
                return self._behind_proxy(connection, access)
            case Mode.OIDC:
                return self._vouched_for(connection, access)

    def forget(self, secret: str) -> None:
        """A login has ended: it is looked up again."""
        with self._lock:
            for kind in ("login", "vouched"):
                self._known.pop((kind, secret), None)

    def _bearer(self, secret: str, connection: HTTPConnection) -> Principal | None:
        if hmac.compare_digest(secret.encode(), self.credential.encode()):
            name = unquote(connection.headers.get(ACTOR_HEADER, "")).strip()
            return admin(name[:_LONGEST_NAME] if name and name.isprintable() else "signalbox")
        return self._remembered("token", secret, lambda: tokens.find(self.engine(), secret))

    def _local(self, connection: HTTPConnection) -> Principal | None:
        client, server = connection.client, connection.scope.get("server")
        if client is None:
            return None
        here = is_within(client.host, ("127.0.0.0/8", "::1/128"))
        if not here:
            return admin(f"somebody at {client.host}") if self.anyone else None
        ends = (client.host, client.port), (server[0], server[1]) if server else ("127.0.0.1", 0)
        user = self._remembered("peer", f"{ends}", lambda: user_of(*ends))
        return admin(user or "somebody on this machine")

    def _logged_in(self, connection: HTTPConnection, access: Access) -> Principal | None:
        secret = connection.cookies.get(COOKIE)
        if not secret:
            return None
        name = self._remembered("login", secret, lambda: people.whose(self.engine(), secret))
        return of_person(name, access.grants) if name else None

    def _vouched_for(self, connection: HTTPConnection, access: Access) -> Principal | None:
        secret, oidc = connection.cookies.get(COOKIE), access.oidc
        if not secret or oidc is None:
            return None
        found = self._remembered("vouched", secret, lambda: logins.whose(self.engine(), secret, oidc.issuer))
        return of_person(found[0], access.grants, found[1]) if found else None

    def _behind_proxy(self, connection: HTTPConnection, access: Access) -> Principal | None:
        client = connection.client
        if client is None or not is_within(client.host, access.proxy.peers):
            return None
        said = connection.headers.getlist(access.proxy.header)
        if len(said) != 1:
            return None
        name = said[0].strip()
        fits = 0 < len(name) <= _LONGEST_NAME and name.isprintable() and ":" not in name
        return of_person(name, access.grants) if fits else None

    def _remembered(self, kind: str, key: str, look: Callable[[], _Found | None]) -> _Found | None:
        """What was found lately, or is found now. What is not there is looked for each time."""
        with self._lock:
            found = self._known.get((kind, key))
            if found is not None and self.clock() - found[0] < REMEMBERED_SECONDS:
                return found[1]  # pyright: ignore[reportReturnType] - of the same kind, so of the same type
        fresh = look()
        if fresh is not None:
            with self._lock:
                if len(self._known) > 10_000:
                    self._known.clear()
                self._known[kind, key] = (self.clock(), fresh)
        return fresh


def is_within(host: str, networks: tuple[str, ...]) -> bool:
    """Whether the address lies in one of the networks; an IPv4 address in IPv6's clothes is itself."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(network) for network in networks)
