"""A backup: one file, written beside its final name, looked at, and then put there."""

from __future__ import annotations

import datetime as dt
import os
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.audit.entries import Action, Entry
from scheduler_defs.audit.store import record
from scheduler_defs.errors import SignalboxError
from scheduler_defs.private import FILE_MODE, make_private
from scheduler_defs.upkeep.backup.tools import tools_for

_NAME = re.compile(r"signalbox-(\d{8}T\d{6})Z\.dump")
_FORMAT = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Backup:
    """A file that holds the database as it was at one moment."""

    file: Path
    bytes: int
    seconds: float

    def document(self) -> dict[str, Any]:
        """As the command's contract has it."""
        return {"file": str(self.file), "bytes": self.bytes, "seconds": round(self.seconds, 3)}


def back_up(url: str, folder: Path, now: dt.datetime, *, keep: int | None = None) -> Backup:
    """Dump the database into `folder`, from one snapshot, while everything goes on.

    With `keep`, only so many backups stay there. Raises SignalboxError with what pg_dump says.
    """
    began = time.monotonic()
    folder = folder.expanduser().absolute()
    file = folder / f"signalbox-{now.astimezone(dt.UTC):{_FORMAT}}Z.dump"
    if file.exists():
        raise SignalboxError(f"{file}: is there already, of this very second")
    try:
        make_private(folder)
        partial = folder / f".{file.name}.{uuid.uuid4().hex}"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except OSError as error:
        raise SignalboxError(f"{folder}: {error.strerror}") from None
    os.close(descriptor)
    try:
        tools = tools_for(url)
        tools.run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={partial}")
        # A file that cannot be read is no backup.
        tools.run("pg_restore", "--list", str(partial))
        _to_disk(partial)
        size = partial.stat().st_size
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    made = Backup(file, size, time.monotonic() - began)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        record(connection, Entry(Action.BACKED_UP, f"backup:{file.name}", after=made.document()))
    if keep is not None:
        for old in backups(folder)[keep:]:
            old.unlink(missing_ok=True)
    return made


def backups(folder: Path) -> Sequence[Path]:
    """The backups in a folder, newest first."""
    try:
        return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)
    except FileNotFoundError:
        return ()


def made_at(file: Path) -> dt.datetime:
    """When a backup was made: its name says it; of one that was renamed, the file's time."""
    found = _NAME.fullmatch(file.name)
    if found is None:
        return dt.datetime.fromtimestamp(file.stat().st_mtime, dt.UTC)
    return dt.datetime.strptime(found[1], _FORMAT).replace(tzinfo=dt.UTC)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
