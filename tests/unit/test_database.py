import re
import shutil
import subprocess

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.settings import PROJECT_ROOT


def test_upgrade_twice_gives_one_schema(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    database.upgrade(engine)
    database.upgrade(engine)
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names(schema="signalbox")
    engine.dispose()
    assert {"workers", "leases", "alembic_version"} <= set(tables)


def test_given_idle_connections_that_the_server_has_closed_then_the_next_use_has_a_new_one(
    postgres_url: str,
) -> None:
    engine = database.engine(postgres_url)
    mine = sa.text("SELECT pg_backend_pid()")
    with engine.connect() as first, engine.connect() as second:
        pids = [connection.scalar(mine) for connection in (first, second)]
    other = sa.create_engine(postgres_url, poolclass=sa.NullPool)
    with other.connect() as connection:
        ended = sa.text("SELECT pg_terminate_backend(pid, 5000) FROM unnest(:pids) AS pid")
        assert connection.execute(ended, {"pids": pids}).scalars().all() == [True, True]
    with engine.connect() as connection:
        assert connection.scalar(mine) not in pids
    engine.dispose()


def test_when_a_connection_is_taken_from_the_pool_then_the_server_is_asked_nothing(postgres_url: str) -> None:
    engine = database.engine(postgres_url)
    other = sa.create_engine(postgres_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        connection.commit()
        connection.execute(sa.text("SELECT 'the last'"))
    with engine.connect(), other.connect() as watching:
        last = sa.text("SELECT query FROM pg_stat_activity WHERE pid = :pid")
        assert watching.scalar(last, {"pid": pid}) in ("ROLLBACK", "SELECT 'the last'")
    engine.dispose()


def test_the_release_before_is_in_the_history_or_its_tests_would_be_skipped_unseen() -> None:
    git = shutil.which("git")
    if git is None or not (PROJECT_ROOT / ".git").exists():
        pytest.skip("no history here")
    if (
        subprocess.run(
            [git, "rev-parse", "--is-shallow-repository"], cwd=PROJECT_ROOT, capture_output=True, text=True
        ).stdout
        == "true\n"
    ):
        pytest.skip("a checkout without its history")
    script = (PROJECT_ROOT / "scripts" / "way_back.sh").read_text()
    (release,) = re.findall(r"^RELEASE=(\w+)$", script, re.MULTILINE)
    found = subprocess.run(
        [git, "merge-base", "--is-ancestor", release, "HEAD"], cwd=PROJECT_ROOT, capture_output=True
    )
    assert found.returncode == 0, f"scripts/way_back.sh names {release}"
