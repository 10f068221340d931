"""Reading and writing the ledger. Ticks of the same moment are written together, and all wait for that."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.ledger.entries import Checked, Decided, Entry, Known, Outcome, Standing
from scheduler_defs.ledger.reasons import numbers, reason

statement = NamedSql(Path(__file__).parent)

Written = frozenset[dt.datetime]
"""Occurrences whose entries are the writer's; of the others somebody else has written."""


@dataclass
class Book:
    """The ledger of one database, for all threads of a process."""

    engine: Callable[[], sa.Engine]
    _queue: list[_Asked] = field(default_factory=list["_Asked"])
    _queueing: threading.Lock = field(default_factory=threading.Lock)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def standing(self, schedule: str) -> Standing:
        """What is known of a schedule before a tick is decided. One statement."""
        with self.engine().connect() as connection:
            row = connection.execute(statement("standing"), {"schedule": schedule}).one()
        known = [_known(found) for found in row.open or ()]
        return Standing(
            handled=row.handled,
            since=row.since,
            checked=Checked(row.holds, row.fired, row.errors or 0),
            waiting=tuple(each for each in known if each.entry.outcome is Outcome.DEFERRED),
            ordered=tuple(each for each in known if each.entry.outcome is Outcome.LAUNCHED),
        )

    def decided(self, schedule: str, tick: dt.datetime, dues: Collection[dt.datetime] = ()) -> list[Known]:
        """What was decided at this tick, or of these occurrences, oldest first."""
        wanted = {"schedule": schedule, "tick": tick, "dues": [due.isoformat() for due in dues]}
        with self.engine().connect() as connection:
            rows = connection.execute(statement("decided"), wanted)
            return [_known({**row._mapping, "created": row.created_at is not None}) for row in rows]

    def write(self, decided: Decided) -> Written:
        """Write what a tick has decided; returns when it is on disk. Raises SQLAlchemyError if it is not."""
        asked = _Asked(decided)
        with self._queueing:
            self._queue.append(asked)
        while not asked.done:
            with self._writing:
                if not asked.done:
                    self._write(self._next_batch())
        if asked.error is not None:
            raise asked.error
        return asked.written

    def _next_batch(self) -> list[_Asked]:
        """What is queued, one of each schedule: a statement writes a row once."""
        with self._queueing:
            batch = {asked.decided.schedule: asked for asked in reversed(self._queue)}
            taken = {id(asked) for asked in batch.values()}
            self._queue = [asked for asked in self._queue if id(asked) not in taken]
        return list(batch.values())

    def _write(self, batch: list[_Asked]) -> None:
        parameters = {
            "entries": json.dumps([row for asked in batch for row in _rows(asked.decided)]),
            "ticks": json.dumps([_tick(asked.decided) for asked in batch]),
            "decided_by": f"{socket.gethostname()}:{os.getpid()}",
        }
        try:
            with self.engine().begin() as connection:
                found = {
                    (row.schedule, row.due) for row in connection.execute(statement("write"), parameters)
                }
        except Exception as error:
            for asked in batch:
                asked.error, asked.done = error, True
            return
        for asked in batch:
            mine = asked.decided
            asked.written = frozenset(each.due for each in mine.entries if (mine.schedule, each.due) in found)
            asked.done = True


@dataclass
class _Asked:
    decided: Decided
    written: Written = frozenset()
    error: Exception | None = None
    done: bool = False


def _rows(decided: Decided) -> list[dict[str, Any]]:
    return [
        {
            "schedule": decided.schedule,
            "due": entry.due.isoformat(),
            "job": decided.job,
            "outcome": entry.outcome.value,
            "reason": entry.reason.code if entry.reason else None,
            "numbers": numbers(entry.reason) if entry.reason else {},
            "run_id": entry.run_id,
            "tick": decided.tick.isoformat(),
            "gap_since": entry.gap_since.isoformat() if entry.gap_since else None,
            "decided_at": decided.at.isoformat(),
            "version": decided.version,
        }
        for entry in decided.entries
    ]


def _tick(decided: Decided) -> dict[str, Any]:
    checked = decided.checked
    return {
        "schedule": decided.schedule,
        "handled": decided.handled.isoformat(),
        "holds": checked.holds,
        "fired": checked.fired.isoformat() if checked.fired else None,
        "errors": checked.errors,
        "check_of": decided.check_of.isoformat() if decided.check_of else None,
    }


def _known(row: Mapping[str, Any]) -> Known:
    entry = Entry(
        due=_instant(row["due"]),
        outcome=Outcome(row["outcome"]),
        reason=reason(row["reason"], row["numbers"]),
        run_id=row["run_id"],
    )
    tick = row.get("tick")
    return Known(
        entry,
        None if tick is None else _instant(tick),
        created=bool(row.get("created")),
        run_status=row.get("run_status"),
    )


def _instant(value: str | dt.datetime) -> dt.datetime:
    return dt.datetime.fromisoformat(value) if isinstance(value, str) else value
