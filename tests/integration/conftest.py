"""The real stack, once per session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.integration.rabbitmq import is_installed, rabbitmq
from tests.integration.running_stack import Stack, new_yard, running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Embedded Postgres and Valkey, code server, webserver, daemon and workers, shared by all tests.

    Tests may launch runs and edit the copy of the declarations, and put back what they change. Tests that
    break a component start a stack of their own.
    """
    with running(new_yard(tmp_path_factory.mktemp("yard")), "--workers", "2") as started:
        yield started


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """URL of a RabbitMQ node of this session. Skips where it is not installed, unless it must be."""
    if not is_installed():
        if os.environ.get("SIGNALBOX_TEST_RABBITMQ") == "required":
            pytest.fail("rabbitmq-server is not installed: apt-get install rabbitmq-server")
        pytest.skip("rabbitmq-server is not installed")
    with rabbitmq() as url:
        yield url


@pytest.fixture(scope="session")
def broker_url(request: pytest.FixtureRequest) -> str:
    """URL of the session's broker: Valkey, or RabbitMQ where SIGNALBOX_TEST_BROKER=rabbitmq asks for it."""
    wanted = os.environ.get("SIGNALBOX_TEST_BROKER", "valkey")
    return str(request.getfixturevalue(f"{wanted}_url"))
