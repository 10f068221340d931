"""Whether a page of somebody else is speaking, in its visitor's name.

Browsers say with every request which page it comes from, in `Sec-Fetch-Site` (not over plain HTTP to other
machines) and, for everything that changes something and for WebSockets, in `Origin`. Programs send neither.
https://www.w3.org/TR/fetch-metadata/
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler_defs.web.doors.hosts import Authority, authority

_OURS = frozenset({"same-origin", "none"})
_ASKS_ONLY = frozenset({"GET", "HEAD"})


def foreign(
    method: str,
    headers: Mapping[str, str],
    host: Authority,
    ours: frozenset[Authority],
    *,
    websocket: bool = False,
) -> str | None:
    """Why the request is another page's, in a few words; None where it is not.

    `headers` by lower-case name; `host`: what the Host header names; `ours`: further addresses of the UI.
    A link on any page may lead to us: the visitor then looks at our page, and the other page learns nothing.
    """
    came_from = headers.get("origin")
    if came_from is not None and not _same(came_from, host, ours):
        return "its Origin is another page"
    site = headers.get("sec-fetch-site")
    if site is None or site in _OURS:
        return None
    link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if link and method in _ASKS_ONLY and not websocket:
        return None
    return f"Sec-Fetch-Site is {site[:20]}"


def _same(came_from: str, host: Authority, ours: frozenset[Authority]) -> bool:
    scheme, separator, rest = came_from.partition("://")
    found = authority(rest)
    return bool(separator) and scheme in ("http", "https") and found is not None and found in {host, *ours}
