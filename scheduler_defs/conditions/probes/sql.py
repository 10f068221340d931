"""One value from a Postgres database, in a transaction that cannot write."""

from __future__ import annotations

import os
import re
from typing import Any

from scheduler_defs.conditions.registry import Look, probe
from scheduler_defs.errors import NotReachableError, SignalboxError

_TEXTS = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$""",
    re.DOTALL,
)
_QUOTED_NAME = re.compile(r'"((?:[^"]|"")*)"')
_READS = re.compile(r"\s*\(*\s*(?:select|with|values|table|show)\b", re.IGNORECASE)
_WRITES = re.compile(
    r"\b(insert|update|delete|merge|truncate|drop|alter|create|grant|revoke|copy|call|do|lock|vacuum|analyze"
    r"|refresh|reindex|cluster|set|reset|notify|listen|into|execute|prepare|commit|rollback|begin|import)\b"
    r"|\b(nextval|setval|set_config|lo_\w+|dblink\w*|query_to_\w+|cursor_to_\w+|table_to_\w+)\s*\(",
    re.IGNORECASE,
)
_SYSTEM_FUNCTION = re.compile(r"\b(pg_\w+)\s*\(", re.IGNORECASE)
_HARMLESS = frozenset(
    {
        "pg_backend_pid",
        "pg_blocking_pids",
        "pg_column_size",
        "pg_current_wal_lsn",
        "pg_database_size",
        "pg_get_expr",
        "pg_indexes_size",
        "pg_is_in_recovery",
        "pg_last_wal_receive_lsn",
        "pg_last_wal_replay_lsn",
        "pg_last_xact_replay_timestamp",
        "pg_postmaster_start_time",
        "pg_relation_size",
        "pg_size_pretty",
        "pg_table_size",
        "pg_tablespace_size",
        "pg_total_relation_size",
        "pg_typeof",
        "pg_wal_lsn_diff",
    }
)
"""Of Postgres' own functions, those that tell a number and do nothing."""

# A cursor takes exactly one statement, and says so of the text itself: no reading of ours has to be right.
_OPEN = (
    "DO $signalbox$ DECLARE found refcursor := 'signalbox_value'; "
    "BEGIN OPEN found NO SCROLL FOR EXECUTE current_setting('signalbox.query'); END $signalbox$"
)
# A superuser's rights are not needed to read: with these one may look at every table and at nothing else.
_STEP_DOWN = """
    SELECT set_config('role', 'pg_read_all_data', true)
    FROM pg_roles me JOIN pg_roles reader ON reader.rolname = 'pg_read_all_data'
    WHERE me.rolname = current_user AND me.rolsuper
"""
_NAMED_DATABASE = re.compile(r"@(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s+(?P<query>.*)", re.DOTALL)


def _query_fault(argument: str) -> str | None:
    _, query = _split(argument)
    if "\0" in query:
        return "holds a NUL character"
    code = _TEXTS.sub(" '' ", query)
    if re.search(r'u&"', code, re.IGNORECASE):
        return "names in Unicode escapes (U&) are not for conditions"
    code = _QUOTED_NAME.sub(r"\1", code).strip().rstrip(";")
    if ";" in code:
        return "one statement only"
    if not _READS.match(code):
        return "must be a query: SELECT, WITH, VALUES, TABLE or SHOW"
    if writing := _WRITES.search(code):
        return f"{writing[1] or writing[2]} is not for conditions: they only read"
    for called in _SYSTEM_FUNCTION.findall(code):
        if called.lower() not in _HARMLESS:
            allowed = ", ".join(sorted(_HARMLESS))
            return f"{called} is not for conditions; of Postgres' own functions these are: {allowed}"
    return None


@probe("sql.value", argument="[@url_variable] query", check=_query_fault)
def sql_value(argument: str, look: Look) -> Any:
    """First column of the first row; nothing without a row. In Signalbox's own database, or another one.

    `@NAME` before the query takes the database's URL from the environment variable NAME.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError

    name, query = _split(argument)
    # A connection of its own: a query that hangs must not use up those that schedules need.
    engine = sa.create_engine(
        _url(name),
        poolclass=sa.NullPool,
        connect_args={
            "connect_timeout": max(1, round(look.seconds)),
            "application_name": "signalbox condition",
        },
    )
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(postgresql_readonly=True)
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(look.seconds * 1000))}")
            connection.exec_driver_sql(_STEP_DOWN)
            connection.execute(
                sa.text("SELECT set_config('signalbox.query', :query, true)"), {"query": query}
            )
            connection.exec_driver_sql(_OPEN)
            row = connection.exec_driver_sql("FETCH 1 FROM signalbox_value").first()
            return row[0] if row is not None and len(row) else None
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise SignalboxError((str(cause).strip() or type(cause).__name__).splitlines()[0]) from None
    finally:
        engine.dispose()


def _split(argument: str) -> tuple[str | None, str]:
    named = _NAMED_DATABASE.fullmatch(argument)
    return (named["name"], named["query"]) if named else (None, argument)


def _url(name: str | None) -> str:
    from scheduler_defs.settings import POSTGRES_URL, settings, sqlalchemy_url

    url = settings().postgres_url if name is None else os.environ.get(name)
    if not url:
        raise NotReachableError(f"no database: the environment variable {name or POSTGRES_URL} is not set")
    url = sqlalchemy_url(url)
    if not url.startswith("postgresql"):
        raise SignalboxError(f"{name or POSTGRES_URL}: only Postgres offers transactions that cannot write")
    return url
