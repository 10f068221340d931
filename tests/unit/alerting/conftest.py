from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.storage.pool import PoolOptions, pooled_engine
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from tests.unit.alerting.yard import Yard
from tests.unit.execution.core.setting import Setting, instance_over


@pytest.fixture
def engine(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    """A database with our tables only."""
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", migrated_url)
    yield database.engine()
    database.engine().dispose()


@pytest.fixture
def yard(tmp_path: Path, dagster_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    """A Dagster instance over a real database, and declarations beside it."""
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", dagster_url)
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    storage = SignalboxStorage(dagster_url)
    with instance_over(storage, tmp_path) as instance:
        yield Yard(Setting(instance, storage), tmp_path)
    pooled_engine(PoolOptions(dagster_url)).dispose()
    database.engine().dispose()
