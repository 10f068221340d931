"""Whose process is at the other end of a loopback connection: the kernel knows it of each socket (Linux)."""

from __future__ import annotations

import ipaddress
import pwd
import socket
import struct
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def user_of(client: tuple[str, int], server: tuple[str, int]) -> str | None:
    """The name (or number) of the user who opened the connection; None where the kernel does not tell."""
    try:
        sockets = {(_hex(client, version), _hex(server, version)) for version in (4, 6)}
    except ValueError:
        return None  # not addresses: a Unix socket has none
    for table in _TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split(maxsplit=8)
            if (words[1], words[2]) in sockets:
                return _name(int(words[7]))
    return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _hex(end: tuple[str, int], version: int) -> str:
    """An address as /proc/net writes it: words of the machine's byte order, in hexadecimal."""
    address = ipaddress.ip_address(end[0])
    if version == 4:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else address
        if mapped is None:
            return ""
        packed = mapped.packed
    else:
        packed = (
            address.packed
            if isinstance(address, ipaddress.IPv6Address)
            else socket.inet_pton(socket.AF_INET6, f"::ffff:{address}")
        )
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{end[1]:04X}"
