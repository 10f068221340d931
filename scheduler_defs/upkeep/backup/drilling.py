"""The drill: the newest backup into a scratch database, and what is then found there."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from scheduler_defs.errors import SignalboxError
from scheduler_defs.forecasting.replay import replay
from scheduler_defs.upkeep.backup.dumping import backups
from scheduler_defs.upkeep.backup.restoring import Contents, look_into, pour
from scheduler_defs.upkeep.backup.tools import tools_for

PROVED = dt.timedelta(days=30)
_COUNTED = ("runs", "event_logs", "signalbox.occurrences", "signalbox.audit_log", "signalbox.tasks")


@dataclass(frozen=True)
class Drilled:
    """What a drill has found. `problems`: what is wrong with the backup; empty: it can be relied on."""

    contents: Contents
    seconds: float
    rows: dict[str, int]
    proof: dict[str, Any]
    problems: list[str]

    def document(self) -> dict[str, Any]:
        """For the report."""
        return {
            "ok": not self.problems,
            **self.contents.document(self.seconds),
            "rows": self.rows,
            "proof": {
                key: self.proof[key] for key in ("ok", "from", "to", "due", "accounted", "problems_total")
            },
            "problems": self.problems,
        }


def drill(url: str, folder: Path, now: dt.datetime, *, oldest: dt.timedelta) -> Drilled:
    """Restore the newest backup of a folder beside the database, prove a month of it, and drop it again.

    Raises SignalboxError when there is no backup, or when it cannot be restored.
    """
    newest = next(iter(backups(folder)), None)
    if newest is None:
        raise SignalboxError(f"{folder}: there is no backup here")
    contents = look_into(url, newest)
    began = time.monotonic()
    with scratch(url) as beside:
        pour(tools_for(beside), contents.file)
        seconds = time.monotonic() - began
        engine = sa.create_engine(beside, poolclass=sa.NullPool)
        with engine.connect() as connection:
            rows = {
                table: connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
                for table in _COUNTED
            }
        proof = replay(engine, contents.made - PROVED, contents.made, contents.made).document()
    problems = []
    if not proof["ok"]:
        problems.append(f"{proof['problems_total']} occurrences in it are not accounted for")
    if now - contents.made > oldest:
        problems.append(f"it is from {contents.made.isoformat()}: older than {oldest}")
    return Drilled(contents, seconds, rows, proof, problems)


@contextmanager
def scratch(url: str) -> Iterator[str]:
    """A fresh database on the same server, dropped afterwards, with what killed drills have left."""
    address = sa.make_url(url)
    name = f"signalbox_drill_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        left = connection.execute(
            sa.text(
                "SELECT datname FROM pg_database d WHERE datname LIKE 'signalbox\\_drill\\_%' AND NOT EXISTS"
                " (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname)"
            )
        ).scalars()
        for each in list(left):
            connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{each}"'))
        try:
            connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE template0'))
        except ProgrammingError as error:
            said = str(error.orig).strip()
            raise SignalboxError(f"a drill needs a scratch database: {said}; grant CREATEDB") from None
    try:
        yield address.set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
