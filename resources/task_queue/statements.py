"""The SQL of the Postgres task queue."""

from pathlib import Path

from resources.named_sql import NamedSql

statement = NamedSql(Path(__file__).parent / "sql")
