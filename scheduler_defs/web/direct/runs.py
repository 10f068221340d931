"""Runs as GraphQL answers them, with one statement and the fields that we read of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.database.named_sql import NamedSql

_statement = NamedSql(Path(__file__).parent)
_FIELDS = "id, run_id, pipeline_name, status, create_timestamp, start_time, end_time"
_IN = {
    "statuses": "status = ANY(CAST(:statuses AS text[]))",
    "runIds": "run_id = ANY(CAST(:runIds AS text[]))",
    "pipelineName": "pipeline_name = :pipelineName",
    "updatedAfter": "update_timestamp > to_timestamp(:updatedAfter) AT TIME ZONE 'UTC'",
}


def runs(
    engine: sa.Engine,
    filter: Mapping[str, Any],
    limit: int,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The answer of the operation `Runs`: the newest first, with the tags that are ours."""
    where, values = _chosen(filter)
    if cursor is not None:
        where.append("id < (SELECT id FROM runs WHERE run_id = :cursor)")
        values["cursor"] = cursor
    chosen = f"SELECT {_FIELDS} FROM runs {_where(where)} ORDER BY id DESC LIMIT :limit"  # noqa: S608 - constants
    statement = sa.text(f"WITH chosen AS MATERIALIZED ({chosen}) {_statement.raw('tagged')}")
    with engine.connect() as connection:
        found = connection.execute(statement, {**values, "limit": limit})
        return {"__typename": "Runs", "results": [_run(row) for row in found]}


def count(engine: sa.Engine, filter: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the operation `CountRuns`."""
    where, values = _chosen(filter)
    statement = sa.text(f"SELECT count(*) FROM runs {_where(where)}")  # noqa: S608 - constants
    with engine.connect() as connection:
        return {"__typename": "Runs", "count": connection.execute(statement, values).scalar_one()}


def _chosen(filter: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    where = [text for name, text in _IN.items() if name in filter]
    values = {name: filter[name] for name in _IN if name in filter}
    for number, tag in enumerate(filter.get("tags", ())):
        where.append(
            f"run_id IN (SELECT run_id FROM run_tags WHERE key = :key{number} AND value = :value{number})"  # noqa: S608
        )
        values |= {f"key{number}": tag["key"], f"value{number}": tag["value"]}
    return where, values


def _where(conditions: list[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _run(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "runId": row.run_id,
        "jobName": row.pipeline_name,
        "status": row.status,
        "creationTime": row.create_timestamp.replace(tzinfo=dt.UTC).timestamp(),
        "startTime": row.start_time,
        "endTime": row.end_time,
        "tags": [{"key": key, "value": value} for key, value in (row.tags or {}).items()],
    }
