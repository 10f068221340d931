"""Whether the UI may listen where others reach it: without a login, whoever does can run every job."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

from scheduler_defs.errors import SignalboxError


def refuse_without_login(host: str, *, login: Callable[[], bool]) -> None:
    """Raises SignalboxError when the UI would listen beyond this machine and ask nobody who he is."""
    if is_loopback(host) or login():
        return
    raise SignalboxError(
        f"--host {host}: others could reach the UI, and whoever reaches it can run every job. Declare a "
        "login (access: {mode: password} or proxy, docs/access.md); or say --without-login where the network "
        "lets only those in who may do everything (a container whose port is published on the loopback)"
    )


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches the address; a name must stand for such addresses alone."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        pass
    try:
        found = {str(item[4][0]) for item in socket.getaddrinfo(host, None)}
    except OSError:
        return False  # it is said later that the name stands for nothing
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found)
