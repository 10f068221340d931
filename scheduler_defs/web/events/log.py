"""What clients are sent, read from Dagster's event log and from the tasks' comments. Blocking."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import event_object, list_runs

PAGE = 1000
_statement = NamedSql(Path(__file__).parent)


@dataclass(frozen=True, slots=True)
class Frame:
    """One event: its number in its log, its kind, and what it says."""

    id: int
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Log:
    """`engine`: of the database. `client`: acts as the server itself; who asks was looked at before."""

    engine: Callable[[], sa.Engine]
    client: Callable[[], GraphQLClient]

    def newest(self) -> tuple[int, int]:
        """The last numbers of events and of comments."""
        with self.engine().connect() as connection:
            row = connection.execute(_statement("newest")).one()
        return row.events, row.comments

    def after(self, events: int, comments: int) -> tuple[list[tuple[int, str]], list[int]]:
        """Numbers that are visible now: of events, each with its run, and of comments."""
        with self.engine().connect() as connection:
            found = connection.execute(_statement("events_after"), {"after": events, "most": 5 * PAGE})
            pairs = [(row.id, row.run_id) for row in found]
            said = connection.execute(_statement("comments_after"), {"after": comments, "most": 5 * PAGE})
            return pairs, list(said.scalars())

    def of_run(self, run_id: str, after: int, mark: int) -> list[Frame]:
        """The run's events after a number and up to the mark, at most a page: as `runs follow` shows them."""
        values = {"run_id": run_id, "after": after, "mark": mark, "most": PAGE}
        with self.engine().connect() as connection:
            ids = list(connection.execute(_statement("of_run"), values).scalars())
        if not ids:
            return []
        answer = self.client().call("RunEvents", runId=run_id, after=_cursor(after))
        events = [event_object(event) for event in answer["events"]]
        return [Frame(id, "event", event) for id, event in zip(ids, events, strict=False)]

    def last_of(self, run_id: str) -> int:
        """The number of the run's newest event; 0 without any."""
        with self.engine().connect() as connection:
            return connection.execute(_statement("last_of"), {"run_id": run_id}).scalar_one()

    def run(self, run_id: str) -> dict[str, Any] | None:
        """The run as it is now."""
        found = list_runs(self.client(), run_ids=(run_id,), limit=1)
        return found[0] if found else None

    def moves(self, after: int, mark: int) -> list[Frame]:
        """Changes of runs' states, each with the run as it is now; at most a page."""
        values = {"types": list(moving_types()), "after": after, "mark": mark, "most": PAGE}
        with self.engine().connect() as connection:
            rows = connection.execute(_statement("moves"), values).all()
        ids = tuple({row.run_id for row in rows})
        found = list_runs(self.client(), run_ids=ids, limit=PAGE) if ids else []
        runs = {run["run_id"]: run for run in found}
        return [
            Frame(
                row.id,
                "run",
                {
                    "type": row.type.replace("PIPELINE_", "RUN_"),
                    "time": row.at.replace(tzinfo=dt.UTC).isoformat(),
                    "run_id": row.run_id,
                    "run": runs.get(row.run_id),
                },
            )
            for row in rows
        ]

    def comments(self, after: int, mark: int) -> list[Frame]:
        """What was said about tasks: each of their transitions leaves a comment. At most a page."""
        values = {"after": after, "mark": mark, "most": PAGE}
        with self.engine().connect() as connection:
            rows = connection.execute(_statement("comments"), values).all()
        return [
            Frame(
                row.id,
                "task",
                {
                    "task": row.task_id,
                    "queue": row.queue,
                    "status": row.status,
                    "text": row.content,
                    "by": row.created_by,
                    "time": row.created_at.isoformat(),
                },
            )
            for row in rows
        ]


@cache
def moving_types() -> frozenset[str]:
    """Dagster's names of the events that change a run's state."""
    from dagster._core.events import EVENT_TYPE_TO_PIPELINE_RUN_STATUS

    return frozenset(kind.value for kind in EVENT_TYPE_TO_PIPELINE_RUN_STATUS)


def _cursor(after: int) -> str | None:
    from dagster._core.event_api import EventLogCursor

    return EventLogCursor.from_storage_id(after).to_string() if after else None
