"""Log files of the components: written by the components themselves, cut by size from outside.

A component writes to its file directly, so its output outlives the supervisor and never waits for it. The
file is opened for appending; rotation therefore copies it and cuts the original to nothing, and the component
goes on at the new end.
"""

from __future__ import annotations

import os
from pathlib import Path

LIMIT_BYTES = 20 * 1024 * 1024
KEEP = 3
_CHUNK = 1 << 20


def path_of(logs: Path, component: str) -> Path:
    """`<state>/logs/<component>.log`."""
    return logs / f"{component}.log"


def open_for_component(logs: Path, component: str) -> int:
    """A descriptor that appends to the component's log. The caller closes it."""
    return os.open(path_of(logs, component), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def rotate(path: Path, *, limit_bytes: int = LIMIT_BYTES, keep: int = KEEP) -> bool:
    """Cut the file if it is over the limit, keeping the last `keep` pieces as `<name>.1` (newest) and on."""
    try:
        if path.stat().st_size <= limit_bytes:
            return False
    except FileNotFoundError:
        return False
    numbered = [path.with_name(f"{path.name}.{number}") for number in range(1, keep + 1)]
    for older, newer in zip(reversed(numbered[1:]), reversed(numbered[:-1]), strict=True):
        if newer.exists():
            newer.replace(older)
    descriptor = os.open(numbered[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with path.open("r+b") as source, os.fdopen(descriptor, "wb") as target:
        # Read to the very end, and cut at once: what is written in between is all that can be lost.
        while chunk := source.read(_CHUNK):
            target.write(chunk)
        os.ftruncate(source.fileno(), 0)
    return True


def last_lines(path: Path, count: int = 5) -> list[str]:
    """The last lines that say something, for an error message."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]
