"""The files of a folder of declarations, and their fingerprint."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".yaml", ".yml")
MOST_BYTES = 4_000_000
"""A larger file is not read. 10,000 schedules take about 1 MB."""
# A file changed this lately may change again without its time stamps telling; its content is looked at.
_YOUNG_NS = 1_000_000_000


@dataclass(frozen=True)
class Sources:
    """File names and contents, in the order of the names; and what could not be read, by name."""

    files: Mapping[str, bytes]
    unreadable: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names and contents, in hex."""
        return combined({name: hashlib.sha256(data).digest() for name, data in self.files.items()})


def file_names(config_dir: Path) -> list[str]:
    """Names of the YAML files in the folder, sorted. Hidden files and folders below it do not count."""
    try:
        with os.scandir(config_dir) as found:
            return sorted(
                each.name for each in found if each.name.endswith(SUFFIXES) and not each.name.startswith(".")
            )
    except OSError:
        return []


def read_sources(config_dir: Path) -> Sources:
    """Read all files. One that cannot be read is noted, not raised."""
    files: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    for name in file_names(config_dir):
        path = config_dir / name
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):  # a pipe would wait for ever
                unreadable[name] = "is not a file"
                continue
            if found.st_size > MOST_BYTES:
                size = f"{found.st_size / 1_000_000:.1f} MB"
                unreadable[name] = f"the file has {size}; at most {MOST_BYTES // 1_000_000} MB: split it"
                continue
            files[name] = path.read_bytes()
        except OSError as error:
            unreadable[name] = f"cannot be read: {error.strerror or error}"
    return Sources(files, unreadable)


_Signature = tuple[int, int, int, int]
_digests: dict[str, tuple[_Signature, bytes]] = {}
_lock = threading.Lock()


def fingerprint(config_dir: Path) -> str:
    """The same as `read_sources(...).fingerprint`, but reads files only when their time stamps have changed.

    Takes some tens of microseconds while nothing changes. Files that cannot be read do not count.
    """
    digests: dict[str, bytes] = {}
    for name in file_names(config_dir):
        found = digest(config_dir / name)
        if found is not None:
            digests[name] = found
    return combined(digests)


def digest(path: Path) -> bytes | None:
    """SHA-256 of a file's content, read anew only when its time stamps have changed; None: unreadable."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            return None
        signature = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        with _lock:
            known = _digests.get(str(path))
        if known is not None and known[0] == signature:
            return known[1]
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > _YOUNG_NS:
        with _lock:
            _digests[str(path)] = (signature, digest)
    return digest


def combined(digests: Mapping[str, bytes]) -> str:
    """One fingerprint of files by name, in hex."""
    whole = hashlib.sha256()
    for name in sorted(digests):
        whole.update(name.encode("utf-8", "surrogateescape") + b"\0" + digests[name])
    return whole.hexdigest()
