"""What the ledger says of schedules, as pages show it: last outcomes, and the rules that were in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.declarations.normalising import restored
from scheduler_defs.explaining.reading import sentence
from scheduler_defs.timing import text
from scheduler_defs.web.pages.parts.charts import Spark, spark

OUTCOMES = 20
_MOST_RULES = 30

_statement = NamedSql(Path(__file__).parents[1])


def sparks(engine: sa.Engine, names: Sequence[str]) -> Mapping[str, Spark]:
    """The last outcomes of each schedule that has any: one statement for all."""
    with engine.connect() as connection:
        rows = connection.execute(_statement("outcomes"), {"names": list(names), "most": OUTCOMES})
        return {row.schedule: spark(row.letters) for row in rows}


def rules(engine: sa.Engine, schedule: str) -> list[dict[str, Any]]:
    """`{since, until, actor, rule, reads}` of each rule that the schedule has had, the newest first."""
    with engine.connect() as connection:
        rows = connection.execute(_statement("rules"), {"schedule": schedule, "most": _MOST_RULES})
        return [
            {"since": row.since, "until": row.until, "actor": row.actor, **_shown(row.rule)} for row in rows
        ]


def _shown(rule: Mapping[str, Any]) -> dict[str, str]:
    try:
        found = restored(rule)
    except (ValueError, KeyError):
        return {"rule": "written by another release", "reads": ""}
    return {"rule": text(found.timing), "reads": sentence(found.timing, found.policies)}
