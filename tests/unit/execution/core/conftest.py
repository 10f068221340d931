from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.storage.pool import PoolOptions, pooled_engine
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from tests.unit.execution.core.setting import Setting, instance_over


@pytest.fixture
def setting(tmp_path: Path, dagster_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    """A Dagster instance with our storage on a database of its own, our tables included."""
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", dagster_url)
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
    storage = SignalboxStorage(dagster_url)
    with instance_over(storage, tmp_path) as instance:
        yield Setting(instance, storage)
    pooled_engine(PoolOptions(dagster_url)).dispose()
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
