"""Who may do what: how people say who they are, and which role each has."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from scheduler_defs.declarations.models.base import Model


class Mode(StrEnum):
    """How somebody who comes to the webserver says who he is."""

    LOCAL = "local"
    """Not at all: only this machine reaches it, and whoever is on it is an admin."""
    PASSWORD = "password"  # noqa: S105 - a word of the files
    """With a name and a password (`signalbox people add`)."""
    PROXY = "proxy"
    """A proxy in front has asked, and says the name in a header."""
    OIDC = "oidc"
    """An OpenID Connect provider asks, and says the name and the groups."""


class Role(StrEnum):
    """What somebody may do; each role may also do what those before it may."""

    VIEWER = "viewer"
    """Look at everything."""
    OPERATOR = "operator"
    """Run, pause, cancel, steer tasks, approve."""
    EDITOR = "editor"
    """Edit declarations, reload them, report assets."""
    ADMIN = "admin"
    """Everything, deleting included."""


class AccessGrant(Model):
    """A role for everybody whose name matches `who`, over what the globs name; without any: over all.

    With `groups` too, either will do.
    """

    who: tuple[str, ...] = ()
    role: Role
    groups: tuple[str, ...] = ()
    """Globs over the groups that an OpenID Connect provider says he is in."""
    schedules: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


class TrustedProxy(Model):
    """The proxy that is believed: only from the networks `peers`, and only in `header`."""

    header: str = "X-Forwarded-User"
    peers: tuple[str, ...] = ()


class OidcProvider(Model):
    """The OpenID Connect provider, and which of its claims say the name and the groups."""

    issuer: str
    """As it stands in the provider's own description and in its tokens, to the letter."""
    client_id: str
    client_secret: str | None = None
    """The name of the environment variable that holds it; None: a public client."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    """Names joined by dots lead into objects: `realm_access.roles`."""


class Access(Model):
    """How people log in, and what they may do then. Whom no grant names may do nothing."""

    mode: Mode = Mode.LOCAL
    session: dt.timedelta = dt.timedelta(hours=12)
    """How long a login lasts."""
    grants: tuple[AccessGrant, ...] = ()
    proxy: TrustedProxy = TrustedProxy()
    oidc: OidcProvider | None = None
    """Set in mode oidc, and only there."""
    requests_per_second: int = 200
    """Of one token or login, on average; four times as many at once."""
