"""`access:`, from what is written to what is in force."""

from __future__ import annotations

from scheduler_defs.declarations.models.access import (
    Access,
    AccessGrant,
    Mode,
    OidcProvider,
    Role,
    TrustedProxy,
)
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.access import AccessEntry, GrantEntry, OidcEntry
from scheduler_defs.declarations.written.explaining import read_entry


def build_access(entries: list[Entry]) -> Access:
    """Who may do what. Declared in one place: two halves of it in two files would be read as neither."""
    for entry in entries[1:]:
        entry.fault(f"access is declared already, by {entries[0].position}")
    written = read_entry(entries[0], AccessEntry) if entries else None
    if written is None or entries[0].faulty:
        return Access()
    proxy = written.proxy
    return Access(
        mode=Mode(written.mode),
        session=written.session,
        grants=tuple(map(_grant, written.grants)),
        proxy=TrustedProxy(header=proxy.header, peers=tuple(proxy.peers)) if proxy else TrustedProxy(),
        oidc=_oidc(written.oidc) if written.oidc else None,
        requests_per_second=written.requests_per_second,
    )


def _grant(written: GrantEntry) -> AccessGrant:
    return AccessGrant(
        who=tuple(written.who or ()),
        groups=tuple(written.groups or ()),
        role=Role(written.role),
        schedules=tuple(written.schedules or ()),
        jobs=tuple(written.jobs or ()),
        queues=tuple(written.queues or ()),
        owners=tuple(written.owners or ()),
    )


def _oidc(written: OidcEntry) -> OidcProvider:
    return OidcProvider(
        issuer=written.issuer,
        client_id=written.client_id,
        client_secret=written.client_secret,
        scopes=tuple(dict.fromkeys(("openid", *written.scopes))),
        name_claim=written.name_claim,
        groups_claim=written.groups_claim,
    )
