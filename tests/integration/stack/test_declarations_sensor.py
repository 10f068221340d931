"""Faulty declarations are seen in the UI: the ticks of the sensor `declarations` fail with the faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.running_stack import Stack, until

TICKS = """
query Ticks($selector: SensorSelector!) {
  sensorOrError(sensorSelector: $selector) {
    ... on Sensor {
      sensorState { status ticks(limit: 1) { id status skipReason error { message cause { message } } } }
    }
  }
}
"""
SELECTOR = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "signalbox",
    "sensorName": "declarations",
}


@pytest.fixture
def added(stack: Stack) -> Iterator[Path]:
    """The path of a file of declarations that is gone again after the test."""
    path = stack.config / "sensed.yaml"
    yield path
    path.unlink(missing_ok=True)


def last_tick(stack: Stack) -> dict[str, Any]:
    import httpx

    answer = httpx.post(
        f"{stack.ui}/graphql", json={"query": TICKS, "variables": {"selector": SELECTOR}}, timeout=30
    ).json()
    ticks = answer["data"]["sensorOrError"]["sensorState"]["ticks"]
    return ticks[0] if ticks else {}


def test_given_a_faulty_file_then_ticks_fail_with_its_fault_until_it_is_mended(
    stack: Stack, added: Path
) -> None:
    until(lambda: last_tick(stack).get("status") == "SKIPPED", "a tick without faults")
    added.write_text("schedules:\n  bad: {job: nowhere, every: 90s}\n")
    failed = until(lambda: (tick := last_tick(stack)).get("status") == "FAILURE" and tick, "a failed tick")
    told = failed["error"]["cause"]["message"]
    assert "2 faults in the declarations; the last good ones stay in force" in told
    assert "config/sensed.yaml:2:14: schedules.bad.job: there is no job 'nowhere'" in told
    added.write_text("schedules:\n  good: {job: heartbeat, every: 1d}\n")
    until(lambda: last_tick(stack).get("status") == "SKIPPED", "a tick without faults again")
