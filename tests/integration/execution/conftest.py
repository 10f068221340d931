from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.execution.rabbitmq import is_installed, rabbitmq
from tests.integration.execution.worked_yard import Yard, yard


@pytest.fixture
def worked_yard(dagster_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Yard]:
    """A fresh database and broker queue, with workers as the test starts them. Leases live for 6 s."""
    import redis

    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    terms = {"SIGNALBOX_BEAT_SECONDS": "1", "SIGNALBOX_LEASE_SECONDS": "6"}
    with yard(dagster_url, valkey_url, tmp_path, terms) as found:
        yield found


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """URL of a RabbitMQ node of this session. Skips where it is not installed, unless it must be."""
    if not is_installed():
        if os.environ.get("SIGNALBOX_TEST_RABBITMQ") == "required":
            pytest.fail("rabbitmq-server is not installed: apt-get install rabbitmq-server")
        pytest.skip("rabbitmq-server is not installed")
    with rabbitmq() as url:
        yield url
