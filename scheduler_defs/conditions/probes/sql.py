"""One value from a Postgres database, in a transaction that cannot write."""

from __future__ import annotations

import os
import re
from typing import Any

from scheduler_defs.conditions.registry import Look, probe
from scheduler_defs.errors import NotReachableError, SignalboxError

_NOT_CODE = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$""", re.DOTALL
)
_READS = re.compile(r"\s*\(*\s*(?:select|with|values|table|show)\b", re.IGNORECASE)
_WRITES = re.compile(
    r"\b(insert|update|delete|merge|truncate|drop|alter|create|grant|revoke|copy|call|do|lock|vacuum|analyze"
    r"|refresh|reindex|cluster|set|reset|notify|listen|into|execute|prepare|commit|rollback|begin|import)\b"
    r"|\b(nextval|setval|set_config|pg_terminate_backend|pg_cancel_backend|pg_reload_conf|pg_rotate_logfile"
    r"|pg_promote|pg_switch_wal|pg_notify|pg_(?:try_)?advisory\w*|pg_create_\w+|pg_drop_\w+|pg_logical\w*"
    r"|pg_file_\w+|pg_read_\w*file|lo_\w+|dblink\w*)\s*\(",
    re.IGNORECASE,
)
_NAMED_DATABASE = re.compile(r"@(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s+(?P<query>.*)", re.DOTALL)


def _query_fault(argument: str) -> str | None:
    _, query = _split(argument)
    code = _NOT_CODE.sub(" '' ", query).strip().rstrip(";")
    if ";" in code:
        return "one statement only"
    if not _READS.match(code):
        return "must be a query: SELECT, WITH, VALUES, TABLE or SHOW"
    if writing := _WRITES.search(code):
        return f"{writing[1] or writing[2]} is not for conditions: they only read"
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
            connection = connection.execution_options(postgresql_readonly=True, no_parameters=True)
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(look.seconds * 1000))}")
            row = connection.exec_driver_sql(query).first()
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
