"""A queue with its daemon, on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.execution.dequeue.setting import Queue, queue_instance


@pytest.fixture
def queue(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    config = tmp_path / "config"
    config.mkdir()
    (config / "limits.yaml").write_text("limits:\n  one-team: {key: team, value: a, limit: 1}\n")
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", postgres_url)
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(config))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    with queue_instance(tmp_path, postgres_url) as instance:
        queue = Queue(instance, postgres_url)
        with queue.daemon:
            yield queue
