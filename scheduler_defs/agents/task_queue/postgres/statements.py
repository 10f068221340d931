"""The SQL of the Postgres task queue."""

from pathlib import Path

from scheduler_defs.database.named_sql import NamedSql

statement = NamedSql(Path(__file__).parent / "sql")
