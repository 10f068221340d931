"""What an upgrade would do to a database, said beforehand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.database.migrate import standing
from scheduler_defs.upkeep.backup.dumping import backups, made_at


@dataclass(frozen=True)
class Outlook:
    """Where the database stands, and what this version would do to it."""

    program: str
    schema: str | None
    newest: str
    pending: tuple[str, ...]
    """Migrations that are still to run, in order."""
    unknown: tuple[str, ...]
    """Versions of the schema that only a newer program knows."""
    runs: bool
    """Whether this version runs on them."""
    backup: dt.datetime | None

    @property
    def ok(self) -> bool:
        """Whether this version can run on the database."""
        return self.runs

    def document(self) -> dict[str, Any]:
        """For --json."""
        return {
            "ok": self.ok,
            "program": self.program,
            "schema": self.schema,
            "newest": self.newest,
            "pending": list(self.pending),
            "unknown": list(self.unknown),
            "backup": None if self.backup is None else self.backup.isoformat(),
        }

    def lines(self) -> list[str]:
        """For people."""
        if self.unknown:
            said = "this version runs on it" if self.runs else "this version does not run on it"
            return [
                f"the database is of a newer Signalbox (schema {', '.join(self.unknown)}; this one knows"
                f" up to {self.newest}): {said}"
            ]
        if not self.pending:
            return [f"Signalbox {self.program}: the database is up to date (schema {self.newest})"]
        said = [f"Signalbox {self.program}: `signalbox up` would run {', '.join(self.pending)}"]
        made = (
            "there is no backup in the state folder"
            if self.backup is None
            else f"the newest backup is of {self.backup}"
        )
        return [*said, f"{made}; `signalbox backup` makes one"]


def outlook(url: str, folder: Path, now: dt.datetime) -> Outlook:
    """Look at the database; nothing is changed."""
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        found = standing(connection)
    made = [made_at(file) for file in backups(folder)[:1]]
    return Outlook(
        version("signalbox"),
        found.current,
        found.newest,
        found.pending,
        found.unknown,
        found.runs,
        made[0] if made else None,
    )
