"""Which schedules are on, with one statement however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from dagster._core.definitions.selector import InstigatorSelector

from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.graphql.client import LOCATION, REPOSITORY

_statement = NamedSql(Path(__file__).parent)


def switched(engine: sa.Engine, names: Iterable[str]) -> dict[str, bool]:
    """Whether each schedule is on that somebody has switched, by Dagster's names."""
    with engine.connect() as connection:
        found = {row.selector_id: row.is_on for row in connection.execute(_statement("switched"))}
    if not found:
        return {}
    keys = ((name, _key(name)) for name in names)
    return {name: found[key] for name, key in keys if key in found}


@lru_cache(maxsize=50_000)
def _key(name: str) -> str:
    """By which Dagster's table names a schedule of ours."""
    return InstigatorSelector(location_name=LOCATION, repository_name=REPOSITORY, name=name).get_id()
