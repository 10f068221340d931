"""Old runs out of Dagster's tables: which may go, and their deletion in batches of some milliseconds."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.tags import RUN_KEY_TAG

from scheduler_defs import tags
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.database.pacing import Pace

statement = NamedSql(Path(__file__).parent / "sql")

ENDED = sorted(status.value for status in FINISHED_STATUSES)
_PAGE = 1_000
_LASTS = {"SUCCESS": "last_success", "FAILURE": "last_failure"}
_TAGS = {
    "job": tags.JOB,
    "schedule": tags.SCHEDULE,
    "parent": tags.DAGSTER_PARENT_RUN,
    "run_key": RUN_KEY_TAG,
    "trigger": tags.TRIGGER,
    "retry_at": tags.RETRY_AT,
}

Keeps: TypeAlias = "Callable[[str, str | None, str], tuple[dt.timedelta, int]]"
"""Of job, schedule and status: how old runs get, and how many of them there may be."""
Group: TypeAlias = "tuple[str, str | None, str]"


@dataclass(frozen=True, slots=True)
class Old:
    """Runs that may go."""

    ids: tuple[str, ...]


@dataclass
class Sifted:
    """What a walk over the runs has found; filled while it goes on."""

    kept: Counter[str] = field(default_factory=Counter)
    """Runs that were to go and stay, by reason."""
    last: frozenset[str] = frozenset()
    """The last success and the last failure of each schedule and job: their files stay, too."""


def old_runs(
    engine: sa.Engine, keeps: Keeps, run_keys: dt.timedelta, now: dt.datetime, sifted: Sifted
) -> Iterator[Old]:
    """Runs that may go, oldest first, page by page. Each page is read when it is asked for."""
    with engine.connect() as connection:
        found = connection.execute(statement("groups"), {**_TAGS, "ended": ENDED}).all()
        groups: dict[Group, tuple[dt.timedelta, int]] = {
            (row.job, row.schedule, row.status): keeps(row.job, row.schedule, row.status) for row in found
        }
        newest = {(row.job, row.schedule, row.status): row.last for row in found}
        many = [
            {"job": row.job, "schedule": row.schedule, "status": row.status, "most": groups[key][1]}
            for row in found
            if row.runs > groups[key := (row.job, row.schedule, row.status)][1]
        ]
        cuts = _cut_offs(connection, many)
        ends = [last for (_, _, status), last in newest.items() if status in _LASTS]
        sifted.last = frozenset(connection.execute(statement("run_ids"), {"ids": ends}).scalars())
        last = _last(connection, groups, cuts, now)
        of_assets = list(connection.execute(statement("of_assets")).scalars())
    after = 0
    while last is not None and after < last:
        with engine.connect() as connection:
            wanted = {
                **_TAGS,
                "ended": ENDED,
                "of_assets": of_assets,
                "after": after,
                "last": last,
                "most": _PAGE,
            }
            page = connection.execute(statement("page"), wanted).all()
        if not page:
            return
        after = page[-1].id
        going: list[str] = []
        for row in page:
            key = (row.job, row.schedule, row.status)
            age = now.timestamp() - float(row.ended)
            keep = groups.get(key) or keeps(*key)
            if age <= keep[0].total_seconds() and row.id > cuts.get(key, 0):
                continue
            reason = row.kept or _last_of(row, newest) or ("run_key" if _keyed(row, age, run_keys) else None)
            if reason is None:
                going.append(row.run_id)
            else:
                sifted.kept[reason] += 1
        if going:
            yield Old(tuple(going))


def _last_of(row: Any, newest: Mapping[Group, int]) -> str | None:
    if newest.get((row.job, row.schedule, row.status)) != row.id:
        return None
    return _LASTS.get(row.status)


def _keyed(row: Any, age: float, run_keys: dt.timedelta) -> bool:
    # What runs of schedules, retries and tasks are the only ones of is written down elsewhere.
    return bool(row.keyed) and age <= run_keys.total_seconds()


def _cut_offs(connection: sa.Connection, many: list[dict[str, Any]]) -> dict[Group, int]:
    if not many:
        return {}
    rows = connection.execute(
        statement("cut_offs"), {**_TAGS, "ended": ENDED, "groups": json.dumps(many)}
    ).all()
    return {(row.job, row.schedule, row.status): row.id for row in rows}


def _last(
    connection: sa.Connection,
    groups: Mapping[Group, tuple[dt.timedelta, int]],
    cuts: Mapping[Group, int],
    now: dt.datetime,
) -> int | None:
    """The newest run that need be looked at."""
    if not groups:
        return None
    before = now - min(age for age, _ in groups.values())
    old = connection.execute(statement("last_old"), {"before": utc(before)}).scalar_one()
    return max([*cuts.values(), *([] if old is None else [old])], default=None)


@dataclass
class Deleting:
    """Deletes runs, in parts that are as small as they must be."""

    pace: Pace
    events: int = 0

    def delete(self, ids: tuple[str, ...]) -> Iterator[list[str]]:
        """Delete; gives the ids that are gone after each part, when that is committed."""
        for events, gone in self.pace.each(ids, _delete_runs, alone=self._thin):
            self.events += events
            yield gone

    def _thin(self, run_id: str) -> None:
        """Of a run with very many events: the events first. Killed meanwhile, the next pass goes on."""
        wanted = {"run": run_id, "ended": ENDED}
        while True:
            with self.pace.engine.connect() as connection:
                ids = list(connection.execute(statement("events_of_run"), wanted).scalars())
            for deleted in self.pace.each(ids, delete_events):
                self.events += deleted
            if len(ids) < _PAGE:
                return


def _delete_runs(connection: sa.Connection, part: Sequence[str]) -> tuple[int, list[str]]:
    row = connection.execute(statement("delete_runs"), {"runs": list(part), "ended": ENDED}).one()
    return row.events, list(row.runs or ())


def delete_events(connection: sa.Connection, ids: Sequence[int]) -> int:
    """Delete these events, and what they say of assets; how many they were."""
    return connection.execute(statement("delete_events"), {"ids": list(ids)}).scalar_one()


def count_events(engine: sa.Engine, ids: tuple[str, ...], lines_before: dt.datetime) -> int:
    """How many events these runs have, beside the log lines of before then."""
    wanted = {"runs": list(ids), "before": utc(lines_before)}
    with engine.connect() as connection:
        return connection.execute(statement("count_events"), wanted).scalar_one()


def ended_since(engine: sa.Engine, ids: list[str]) -> dict[str, dt.datetime | None]:
    """Of those runs that there are: since when they have ended; None: they have not."""
    with engine.connect() as connection:
        rows = connection.execute(statement("ended_since"), {"runs": ids, "ended": ENDED})
        return {
            row.run_id: None if row.ended is None else dt.datetime.fromtimestamp(float(row.ended), dt.UTC)
            for row in rows
        }


def utc(at: dt.datetime) -> dt.datetime:
    """As Dagster's columns hold it: UTC, without saying so."""
    return at.astimezone(dt.UTC).replace(tzinfo=None)


def row_bytes(engine: sa.Engine) -> Mapping[str, float]:
    """What a row of each of Dagster's tables takes on average, in bytes."""
    with engine.connect() as connection:
        return {row.name: float(row.bytes) for row in connection.execute(statement("row_bytes"))}
