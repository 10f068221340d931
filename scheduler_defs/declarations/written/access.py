"""`access:` as written."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from scheduler_defs.declarations.written.fields import (
    EnvironmentName,
    PositiveDuration,
    Text,
    Texts,
    Written,
    wrong,
)

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")


class GrantEntry(Written):
    """A role for somebody, over everything or over what the globs name."""

    who: Texts | None = None
    """Globs over names of people, such as ann or *@ops.example."""
    groups: Texts | None = None
    """oidc: globs over the groups that the provider says somebody is in; with who, either will do."""
    role: Literal["viewer", "operator", "editor", "admin"]
    """What they may do; each role may also do what those before it may."""
    schedules: Texts | None = None
    """Globs over schedules; a grant with any of these four is bounded by what they name."""
    jobs: Texts | None = None
    """Globs over jobs, with their schedules."""
    queues: Texts | None = None
    """Globs over agent queues."""
    owners: Texts | None = None
    """Globs over the owners of schedules and jobs."""

    @model_validator(mode="after")
    def names_somebody(self) -> GrantEntry:
        if not self.who and not self.groups:
            raise wrong("a grant needs who: [GLOBS] or groups: [GLOBS]: else it is nobody's")
        return self


class TrustedProxyEntry(Written):
    """The proxy that is believed."""

    header: Text = "X-Forwarded-User"
    """The header in which it says who asks; it must drop the header of whoever sends it from outside."""
    peers: Texts
    """Addresses or networks that the proxy's requests come from, such as 127.0.0.1 or 10.0.0.0/8."""

    @model_validator(mode="after")
    def can_be_told(self) -> TrustedProxyEntry:
        if not _HEADER.fullmatch(self.header):
            raise wrong(f"header {self.header!r} is no header's name; allowed are letters, digits and '-'")
        for peer in self.peers:
            try:
                ipaddress.ip_network(peer)
            except ValueError:
                raise wrong(
                    f"peers: {peer!r} is neither an address nor a network such as 10.0.0.0/8"
                ) from None
        return self


class OidcEntry(Written):
    """The OpenID Connect provider that people log in at."""

    issuer: Text
    """Its address, as its own description and its tokens say it; https, except on this machine."""
    client_id: Text
    """What it calls this server."""
    client_secret: EnvironmentName | None = None
    """Name of the webserver's environment variable that holds the secret; absent: a public client."""
    scopes: Texts = Field(default_factory=lambda: ["openid", "profile", "email"])
    """What it is asked for; openid is always among it."""
    name_claim: Text = "preferred_username"
    """The claim that becomes the person's name here; people must not be able to choose it at the provider."""
    groups_claim: Text = "groups"
    """The claim with the person's groups; dots lead into objects, as in realm_access.roles."""

    @model_validator(mode="after")
    def is_an_address(self) -> OidcEntry:
        parts = urlsplit(self.issuer)
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not (parts.scheme == "https" or (parts.scheme == "http" and here)) or not parts.hostname:
            raise wrong(f"issuer {self.issuer!r} must be https://…, or http:// on this machine")
        if parts.query or parts.fragment or parts.username is not None:
            raise wrong(f"issuer {self.issuer!r} must be an address without user, query and fragment")
        return self


class AccessEntry(Written):
    """How people log in, and what they may do then."""

    mode: Literal["local", "password", "proxy", "oidc"] = "local"
    """local: no login, loopback only, everybody on this machine is an admin; password: `signalbox people`; proxy: a header of a trusted proxy; oidc: at an OpenID Connect provider."""  # noqa: E501
    session: PositiveDuration = dt.timedelta(hours=12)
    """password, oidc: how long a login lasts."""
    grants: list[GrantEntry] = Field(default_factory=list)
    """Who has which role; whom none names may do nothing. Not asked in mode local."""
    proxy: TrustedProxyEntry | None = None
    """proxy: which one."""
    oidc: OidcEntry | None = None
    """oidc: which provider."""
    requests_per_second: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Of one token or login, on average; four times as many at once."""

    @model_validator(mode="after")
    def is_whole(self) -> AccessEntry:
        if self.mode == "proxy" and self.proxy is None:
            raise wrong("mode proxy needs proxy: {peers: [ADDRESSES]}")
        if self.mode != "proxy" and self.proxy is not None:
            raise wrong(f"proxy goes with mode: proxy, and not with mode: {self.mode}")
        if self.mode == "oidc" and self.oidc is None:
            raise wrong("mode oidc needs oidc: {issuer: https://…, client_id: …}")
        if self.mode != "oidc" and self.oidc is not None:
            raise wrong(f"oidc goes with mode: oidc, and not with mode: {self.mode}")
        if self.mode != "oidc" and any(grant.groups for grant in self.grants):
            raise wrong(f"grants by groups go with mode: oidc; in mode {self.mode} nobody says who is in one")
        return self
