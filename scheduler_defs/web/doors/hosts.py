"""The names under which the server may be asked for.

A page on a name of its own that it lets point to 127.0.0.1 (DNS rebinding) is of one origin with us for the
browser. Only the Host header tells: it holds the name that the page was loaded from.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from scheduler_defs.errors import SignalboxError

_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "localhost.localdomain"})


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and port as a URL or a Host header names them; the host in lower case, without brackets.

    `port` is None where none was written, which means the scheme's own.
    """

    host: str
    port: int | None


def authority(text: str) -> Authority | None:
    """Read `host`, `host:port` or `[address]:port`; None for anything else."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.path or parts.query or parts.fragment or "@" in parts.netloc or "\\" in text:
        return None
    return Authority(host.rstrip(".").lower(), port)


def is_loopback(host: str) -> bool:
    """Whether the name or address is this machine alone."""
    address = _address(host)
    return address.is_loopback if address else host.rstrip(".").lower() in _LOOPBACK_NAMES


@dataclass(frozen=True, slots=True)
class Hosts:
    """What the server may be called. `any_address`: by each IP address, which nobody can rebind."""

    names: frozenset[str]
    any_address: bool = False

    def admits(self, host: str) -> bool:
        """Whether a request that names this host is meant for us."""
        return is_loopback(host) or host in self.names or (self.any_address and _address(host) is not None)


def allowed(listens_on: str, urls: Iterable[str] = ()) -> Hosts:
    """Loopback, the address listened on, and the hosts of the URLs under which people reach the server.

    Raises SignalboxError for a URL without a host.
    """
    names = {found for url in urls if (found := origin(url).host)}
    everywhere = _address(listens_on)
    if everywhere is not None and everywhere.is_unspecified:
        return Hosts(frozenset({*names, socket.gethostname().lower()}), any_address=True)
    return Hosts(frozenset({*names, listens_on.rstrip(".").lower()}))


def origin(url: str) -> Authority:
    """Host and port of an http(s) URL. Raises SignalboxError where it has none."""
    parts = urlsplit(url)
    found = authority(parts.netloc)
    if parts.scheme not in ("http", "https") or found is None:
        raise SignalboxError(
            f"{url!r} is no address of a webserver: http://HOST[:PORT] or https://HOST[:PORT]"
        )
    return found


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
