"""A backup is one file of one moment; its restoration is all or nothing; a drill proves it."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.audit.store import Query, read
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.storage.pool import PoolOptions, pooled_engine
from scheduler_defs.upkeep.backup.drilling import drill, scratch
from scheduler_defs.upkeep.backup.dumping import back_up, backups, made_at
from scheduler_defs.upkeep.backup.restoring import OTHERS, look_into, refuse_in_use, restore
from scheduler_defs.upkeep.backup.tools import environment
from scheduler_defs.upkeep.backup.upgrading import outlook
from tests.patience import wait_until
from tests.unit.execution.core.setting import Setting

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
TASKS = sa.text("SELECT array_agg(title ORDER BY id) FROM signalbox.tasks")


@pytest.fixture
def url(setting: Setting, dagster_url: str) -> str:
    """Of a database with two runs and one task."""
    setting.run("SUCCESS")
    setting.run("FAILURE")
    add("first")
    return dagster_url


def add(title: str) -> None:
    with database.engine().begin() as connection:
        connection.execute(
            sa.text("INSERT INTO signalbox.tasks (title, queue, created_by) VALUES (:title, 'q', 'me')"),
            {"title": title},
        )


def tasks() -> list[str]:
    with database.engine().connect() as connection:
        return connection.execute(TASKS).scalar_one()


def runs(url: str) -> int:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return connection.execute(sa.text("SELECT count(*) FROM runs")).scalar_one()


def nobody_connected(url: str) -> None:
    database.engine().dispose()
    pooled_engine(PoolOptions(url)).dispose()
    looking = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with looking.connect() as connection:
        wait_until(lambda: not connection.execute(OTHERS).all())  # the server has noticed


def test_given_a_backup_when_restored_then_the_database_is_as_it_was_and_says_so(
    url: str, tmp_path: Path
) -> None:
    made = back_up(url, tmp_path / "to", NOW)
    assert (made.file.name, made.bytes) == ("signalbox-20260601T120000Z.dump", made.file.stat().st_size)
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in made.file.parent.iterdir()] == [made.file.name]
    add("second")
    with database.engine().begin() as connection:
        connection.execute(sa.text("CREATE TABLE signalbox.later (task bigint REFERENCES signalbox.tasks)"))
        connection.execute(sa.text("DELETE FROM runs"))
    with pytest.raises(SignalboxError, match=r"in use, by .*signalbox"):
        refuse_in_use(url)
    nobody_connected(url)
    refuse_in_use(url)
    contents = look_into(url, made.file)
    assert contents.made == NOW
    restore(url, contents)
    assert (tasks(), runs(url)) == (["first"], 2)
    database.upgrade(database.engine())
    with database.engine().connect() as connection:
        assert not sa.inspect(connection).has_table("later", schema="signalbox")
        newest = read(connection, Query())[0]
        # What came after the backup is gone with it, the note of the backup too: it was made from before.
        assert (newest.action, newest.subject) == ("upkeep.restored", f"backup:{made.file.name}")


def test_given_a_backup_that_ends_too_early_then_nothing_is_changed(url: str, tmp_path: Path) -> None:
    made = back_up(url, tmp_path, NOW)
    add("second")
    nobody_connected(url)
    contents = look_into(url, made.file)
    whole = made.file.read_bytes()
    made.file.write_bytes(whole[: len(whole) - 3000])
    with pytest.raises(SignalboxError, match="not restored, nothing was changed"):
        restore(url, contents)
    assert (tasks(), runs(url)) == (["first", "second"], 2)


@pytest.mark.parametrize("spared", [(), ("psql",), ("psql", "pg_restore")])
def test_given_a_restoration_that_is_killed_in_the_middle_then_nothing_is_changed(
    url: str, tmp_path: Path, spared: tuple[str, ...]
) -> None:
    made = back_up(url, tmp_path, NOW)
    add("second")
    nobody_connected(url)
    program = (
        "import pathlib, sys\n"
        "from scheduler_defs.upkeep.backup.restoring import look_into, restore\n"
        "restore(sys.argv[1], look_into(sys.argv[1], pathlib.Path(sys.argv[2])))\n"
    )
    watching = sa.create_engine(url, poolclass=sa.NullPool)
    with watching.begin() as holding:
        # It has dropped what came first by then, and waits here for the rest.
        holding.execute(sa.text("LOCK TABLE run_tags IN ACCESS SHARE MODE"))
        argv = [sys.executable, "-c", program, url, str(made.file)]
        restoring = subprocess.Popen(argv, start_new_session=True)
        waits = sa.text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with watching.connect().execution_options(isolation_level="AUTOCOMMIT") as looking:
            wait_until(lambda: looking.execute(waits).scalar_one() > 0)
            its = psutil.Process(restoring.pid)
            for each in (its, *its.children(recursive=True)):
                if each.name() not in spared:
                    each.kill()
            restoring.wait()
    nobody_connected(url)
    assert (tasks(), runs(url)) == (["first", "second"], 2)
    nobody_connected(url)
    restore(url, look_into(url, made.file))
    assert tasks() == ["first"]


def test_given_what_is_no_backup_of_ours_then_it_is_refused_in_one_line(
    url: str, tmp_path: Path, postgres_url: str
) -> None:
    with pytest.raises(SignalboxError, match="there is no such file"):
        look_into(url, tmp_path / "nothing.dump")
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(SignalboxError, match="no backup can be read from it"):
        look_into(url, tmp_path / "junk")
    tools = environment(postgres_url)
    assert tools["PGDATABASE"] == sa.make_url(postgres_url).database
    with pytest.raises(sa.exc.ProgrammingError):  # the note has no table to go to
        back_up(postgres_url, tmp_path / "other", NOW)
    with pytest.raises(SignalboxError, match="there is no schema signalbox in it"):
        look_into(url, next(iter(backups(tmp_path / "other"))))


def test_given_the_same_second_then_no_backup_is_written_over(url: str, tmp_path: Path) -> None:
    back_up(url, tmp_path, NOW)
    with pytest.raises(SignalboxError, match="is there already"):
        back_up(url, tmp_path, NOW)


def test_given_a_number_to_keep_then_the_oldest_go_and_other_files_stay(url: str, tmp_path: Path) -> None:
    (tmp_path / "signalbox-notes.dump").write_text("mine")
    for minute in range(3):
        back_up(url, tmp_path, NOW + dt.timedelta(minutes=minute), keep=2)
    assert [made_at(file).minute for file in backups(tmp_path)] == [2, 1]
    assert (tmp_path / "signalbox-notes.dump").exists()


def test_given_a_backup_when_drilled_then_it_is_proved_beside_and_nothing_is_left(
    url: str, tmp_path: Path
) -> None:
    with pytest.raises(SignalboxError, match="there is no backup here"):
        drill(url, tmp_path, NOW, oldest=dt.timedelta(hours=1))
    back_up(url, tmp_path, NOW)
    found = drill(url, tmp_path, NOW, oldest=dt.timedelta(hours=1))
    assert found.problems == []
    assert (found.rows["runs"], found.rows["signalbox.tasks"]) == (2, 1)
    late = drill(url, tmp_path, NOW + dt.timedelta(hours=2), oldest=dt.timedelta(hours=1))
    assert len(late.problems) == 1
    assert "older than 1:00:00" in late.problems[0]
    with database.engine().connect() as connection:
        left = sa.text("SELECT count(*) FROM pg_database WHERE datname LIKE 'signalbox_drill%'")
        assert connection.execute(left).scalar_one() == 0


def test_given_an_occurrence_that_the_backup_cannot_account_for_then_the_drill_says_so(
    url: str, tmp_path: Path
) -> None:
    with database.engine().begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.declaration_versions (hash, content, actor, since)"
                " VALUES ('h', '{}', 'me', :at)"
            ),
            {"at": NOW - dt.timedelta(days=9)},
        )
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.occurrences (schedule, due, outcome, run_id, decided_at, decided_by)"
                " VALUES ('s', :at, 'launched', 'r', :at, 'd')"
            ),
            {"at": NOW - dt.timedelta(days=1)},
        )
    back_up(url, tmp_path, NOW)
    found = drill(url, tmp_path, NOW, oldest=dt.timedelta(days=1))
    assert found.problems == ["1 occurrences in it are not accounted for"]


def test_given_a_drill_that_was_killed_then_the_next_one_clears_up(postgres_url: str) -> None:
    with scratch(postgres_url) as beside:
        name = sa.make_url(beside).database
        copy = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with copy.connect() as connection:
            connection.execute(sa.text('CREATE DATABASE "signalbox_drill_left"'))
        with scratch(postgres_url), copy.connect() as connection:
            names = set(connection.execute(sa.text("SELECT datname FROM pg_database")).scalars())
        assert "signalbox_drill_left" not in names
        assert name is not None


def test_given_a_password_then_it_stands_in_the_environment_only() -> None:
    found = environment("postgresql+psycopg2://ann:s%40cret@db.example:5433/yard?sslmode=require")
    assert {name: found[name] for name in sorted(found) if name.startswith("PG") and name != "PGAPPNAME"} == {
        "PGDATABASE": "yard",
        "PGHOST": "db.example",
        "PGPASSWORD": "s@cret",
        "PGPORT": "5433",
        "PGSSLMODE": "require",
        "PGUSER": "ann",
    }


def test_given_a_database_then_upgrade_says_what_would_run(
    url: str, postgres_url: str, tmp_path: Path
) -> None:
    found = outlook(url, tmp_path, NOW)
    assert (found.ok, found.pending, found.schema) == (True, (), found.newest)
    fresh = outlook(postgres_url, tmp_path, NOW)
    assert fresh.schema is None
    assert fresh.pending[0] == "0001"
    assert fresh.pending[-1] == fresh.newest
    with database.engine().begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.alembic_version SET version_num = '9999'"))
    newer = outlook(url, tmp_path, NOW)
    assert newer.ok and newer.lines()[0].endswith("this version runs on it")
    database.upgrade(database.engine())
    with database.engine().begin() as connection:
        found = connection.execute(sa.text("SELECT version_num FROM signalbox.alembic_version")).scalar()
        assert found == "9999"
        connection.execute(sa.text("UPDATE signalbox.schema_floor SET revision = '9998'"))
    newer = outlook(url, tmp_path, NOW)
    assert not newer.ok
    assert "newer Signalbox (schema 9999" in newer.lines()[0]
    with pytest.raises(SignalboxError, match="only what knows 9998 runs on it"):
        database.upgrade(database.engine())
