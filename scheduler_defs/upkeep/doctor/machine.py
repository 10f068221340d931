"""What of this machine: the state folder, disk, limits; and the broker."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from scheduler_defs.upkeep.doctor.model import Check, Patient

LEAST_OPEN_FILES = 1024
SOON_FULL_PERCENT = 10.0
_OF_OURS = (
    *(".", "logs", "artifacts", "compute_logs", "declarations", "audit", "backups"),
    *("stack.json", "web-credential"),
)


def of_machine(patient: Patient) -> Iterator[Check]:
    """Each of them."""
    yield from (_state(patient), _disk(patient), _inodes(patient), _open_files())


def _state(patient: Patient) -> Check:
    open_ones = [name for name, path in _private(patient.place.state) if path.stat().st_mode & 0o077]
    # As root the embedded Postgres runs as another user, who must be able to pass through the state folder.
    if os.geteuid() == 0 and open_ones == ["."] and patient.place.state.stat().st_mode & 0o066 == 0:
        open_ones = []
    where = str(patient.place.state)
    if open_ones:
        return Check(
            "state folder", False, f"others may enter {', '.join(open_ones)}", f"chmod -R go= {where}"
        )
    return Check("state folder", True, f"{where} is for its user alone")


def _private(state: Path) -> Iterator[tuple[str, Path]]:
    """What nobody else may read, of what is there."""
    for path in [*(state / name for name in _OF_OURS), *(state / "audit").glob("*.key")]:
        if path.exists():
            yield path.relative_to(state).as_posix(), path


def _disk(patient: Patient) -> Check:
    found = os.statvfs(patient.place.state)
    free = 100 * found.f_bavail / found.f_blocks if found.f_blocks else 100.0
    detail = f"{free:.0f} % free ({found.f_bavail * found.f_frsize / (1 << 30):.1f} GiB)"
    return Check("disk", free >= SOON_FULL_PERCENT, detail, "" if free >= SOON_FULL_PERCENT else "make room")


def _inodes(patient: Patient) -> Check:
    found = os.statvfs(patient.place.state)
    free = 100 * found.f_favail / found.f_files if found.f_files else 100.0
    ok = free >= SOON_FULL_PERCENT
    return Check("inodes", ok, f"{free:.0f} % free", "" if ok else "many small files: prune artifacts")


def _open_files() -> Check:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    ok = soft >= LEAST_OPEN_FILES
    return Check("open files", ok, f"limit {soft}", "" if ok else f"ulimit -n {LEAST_OPEN_FILES} or more")


def broker(patient: Patient) -> Check:
    """Whether it keeps its messages."""
    url = patient.place.broker_url or ""
    scheme = urlsplit(url).scheme
    if not scheme.startswith("redis"):
        return Check("broker", True, f"{scheme or 'none named'}: its persistence is not looked at")
    import redis

    address = url.replace("redis+socket://", "unix://").partition("?")[0]
    try:
        client = redis.Redis.from_url(address, socket_timeout=3, socket_connect_timeout=3)
        kept = client.config_get("appendonly").get("appendonly")  # pyright: ignore[reportAttributeAccessIssue]
        client.close()
    except redis.RedisError as error:
        return Check("broker", False, str(error).splitlines()[0], "`signalbox status`; logs/valkey.log")
    if kept == "yes":
        return Check("broker", True, "keeps its messages on disk")
    said = "loses its messages when it ends: runs that were on their way are sent out again after 15 s"
    return Check("broker", False, said, "CONFIG SET appendonly yes, and in its configuration")
