"""The real stack, once per session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.running_stack import Stack, new_yard, running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Embedded Postgres and Valkey, code server, webserver, daemon and workers, shared by all tests.

    Tests may launch runs and edit the copy of the declarations, and put back what they change. Tests that
    break a component start a stack of their own.
    """
    with running(new_yard(tmp_path_factory.mktemp("yard")), "--workers", "2") as started:
        yield started
