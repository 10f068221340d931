from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.audit.signing import SigningKey, signing_key


@pytest.fixture
def engine(migrated_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database with our tables only, and a state folder of its own."""
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", migrated_url)
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    yield database.engine()
    database.engine().dispose()


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path / "state" / "audit")
