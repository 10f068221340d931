"""A queue whose jobs need approvals, without a stack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.approvals.setting import Yard
from tests.unit.execution.dequeue.setting import Queue, add_worker, queue_instance


@pytest.fixture
def yard(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    """One worker with four slots, and a folder for declarations that may change."""
    config = tmp_path / "config"
    config.mkdir()
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(config))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", postgres_url)
    with queue_instance(tmp_path, postgres_url) as instance:
        add_worker(postgres_url, "w", ["runs"], 4)
        queue = Queue(instance, postgres_url)
        with queue.daemon:
            yield Yard(config, queue)
