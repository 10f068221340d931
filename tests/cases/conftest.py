"""Inputs that once failed need what the unit tests of the same parts need."""

from __future__ import annotations

import pytest

from tests.standins.task_queues import (  # noqa: F401
    postgres_queue,
    queue,
    queue_engine,
    tinytask_queue,
    tinytask_server,
)
from tests.unit.agents.bench import bench  # noqa: F401
from tests.unit.execution.core.conftest import setting  # noqa: F401
from tests.unit.jobs_command.conftest import dagster_instance, place  # noqa: F401


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What attackers found is part of the attack suite."""
    for item in items:
        if any(str(mark.args[0]).startswith("attack-") for mark in item.iter_markers("case")):
            item.add_marker(pytest.mark.attack)
