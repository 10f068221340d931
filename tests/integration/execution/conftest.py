from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.execution.worked_yard import Yard, yard


@pytest.fixture
def worked_yard(dagster_url: str, broker_url: str, tmp_path: Path) -> Iterator[Yard]:
    """A fresh database and broker queue, with workers as the test starts them. Leases live for 6 s."""
    terms = {"SIGNALBOX_BEAT_SECONDS": "1", "SIGNALBOX_LEASE_SECONDS": "6"}
    with yard(dagster_url, broker_url, tmp_path, terms) as found:
        yield found
