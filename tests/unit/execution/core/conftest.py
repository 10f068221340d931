from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.storage import SignalboxStorage
from scheduler_defs.execution.storage_pool import PoolOptions, pooled_engine
from tests.unit.execution.core.setting import Setting, instance_over

TEMPLATE = "execution_core"


@pytest.fixture(scope="session")
def prepared(postgres_server: str) -> str:
    """Name of a database with Dagster's tables and ours, to be copied: quicker than making them each time."""
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {TEMPLATE}"))
    admin.dispose()
    url = sa.make_url(postgres_server).set(database=TEMPLATE).render_as_string(hide_password=False)
    SignalboxStorage(url)
    pooled_engine(PoolOptions(url)).dispose()
    engine = sa.create_engine(url)
    database.upgrade(engine)
    engine.dispose()
    return TEMPLATE


@pytest.fixture
def setting(
    tmp_path: Path, postgres_url: str, prepared: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Setting]:
    """A Dagster instance with our storage on a database of its own, our tables included."""
    name = sa.make_url(postgres_url).database
    server = sa.make_url(postgres_url).set(database="postgres")
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}"))
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {prepared}"))
    admin.dispose()
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", postgres_url)
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
    storage = SignalboxStorage(postgres_url)
    with instance_over(storage, tmp_path) as instance:
        yield Setting(instance, storage)
    pooled_engine(PoolOptions(postgres_url)).dispose()
    database.engine().dispose()


@pytest.fixture
def connection(setting: Setting) -> Iterator[sa.Connection]:
    with database.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as found:
        yield found


@pytest.fixture
def starting(setting: Setting) -> str:
    """A run that waits for its worker."""
    return setting.run("STARTING")


@pytest.fixture
def started(setting: Setting) -> str:
    """A run that is under way."""
    return setting.run("STARTED")
