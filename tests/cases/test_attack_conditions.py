"""Conditions read, whatever a query says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from scheduler_defs.conditions import Look, subject_fault
from scheduler_defs.conditions.probes.sql import sql_value
from scheduler_defs.errors import SignalboxError

NOW = Look(dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC), 5.0)
SECOND_STATEMENT = r"select E'\'', 1; commit; create table hacked(a int); select 1 --'"


@pytest.fixture
def database(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", postgres_url)
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE jobs (n integer)"))
        connection.execute(sa.text("INSERT INTO jobs VALUES (7)"))
    yield engine
    engine.dispose()


@pytest.mark.case("attack-h1-sql-writes")
@pytest.mark.parametrize(
    "query",
    [
        SECOND_STATEMENT,
        "select 1; create table hacked(a int)",
        "select 1; commit; begin; create table hacked(a int); commit; select 1",
        "create table hacked(a int)",
        "with x as (insert into jobs values (1) returning n) select n from x",
        "insert into jobs values (1) returning n",
        "select n into hacked from jobs",
        "select set_config('transaction_read_only', 'off', false); create table hacked(a int)",
        "do $$ begin create table hacked(a int); end $$",
    ],
)
def test_given_a_query_that_would_write_when_it_passes_every_look_at_its_text_then_the_database_refuses(
    database: sa.Engine, query: str
) -> None:
    with pytest.raises(SignalboxError):
        sql_value(query, NOW)
    with database.connect() as connection:
        assert connection.execute(sa.text("SELECT to_regclass('hacked')")).scalar() is None
        assert connection.execute(sa.text("SELECT count(*), sum(n) FROM jobs")).one() == (1, 7)


@pytest.mark.case("attack-h1-sql-writes")
@pytest.mark.parametrize(
    ("query", "what"),
    [
        (SECOND_STATEMENT, "one statement only"),
        ("""select "pg_read_file"('/etc/passwd')""", "pg_read_file is not for conditions"),
        ("""select "pg_advisory_lock"(1)""", "pg_advisory_lock is not for conditions"),
        ("""select "pg_terminate_backend"(1)""", "pg_terminate_backend is not for conditions"),
        ("""select "pg_ls_dir"('.')""", "pg_ls_dir is not for conditions"),
        ("select pg_stat_reset()", "pg_stat_reset is not for conditions"),
        ("select pg_stat_file('PG_VERSION')", "pg_stat_file is not for conditions"),
        (r"""select U&"pg_read\005ffile"('x')""", "Unicode escapes"),
    ],
)
def test_given_a_query_that_does_more_than_read_tables_then_check_refuses_it(query: str, what: str) -> None:
    fault = subject_fault(f"sql.value:{query}")
    assert fault is not None
    assert what in fault


@pytest.mark.case("attack-h1-sql-writes")
@pytest.mark.parametrize(
    "query",
    ["select pg_read_file('PG_VERSION')", "select pg_ls_dir('.')", "select pg_stat_file('PG_VERSION')"],
)
def test_given_a_superusers_function_when_it_is_asked_all_the_same_then_its_rights_are_not_there(
    database: sa.Engine, query: str
) -> None:
    with pytest.raises(SignalboxError, match="permission denied"):
        sql_value(query, NOW)


@pytest.mark.case("attack-h1-sql-writes")
@pytest.mark.parametrize(
    "query", ["select n from jobs", "table jobs;", r"select E'\'' || n from jobs -- ; drop"]
)
def test_given_a_query_that_reads_then_it_is_answered(database: sa.Engine, query: str) -> None:
    assert str(sql_value(query, NOW)).removeprefix("'") == "7"
