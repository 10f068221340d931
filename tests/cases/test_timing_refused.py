"""What only the database or Dagster could trip over is refused when the files are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler_defs.assembly import NotLoadableError, loadable
from tests.unit.declarations.yards import lines, load_yard

AGENT = "agents:\n  a: {queue: dev, limit: 1, command: [echo]}\n"


@pytest.mark.parametrize(
    "text",
    [
        "priority: 1000001",
        "priority: -99999999999",
        "max_global: 99999999999",
        "max_per_job: 9223372036854775807",
        "priority: 99999999999999999999999",
        "retries: {max_attempts: 99999999999}",
        "timeout: 999999999999d",
        "jitter: 99999999999999w",
    ],
)
def test_given_a_number_that_no_column_takes_then_it_is_a_fault(tmp_path: Path, text: str) -> None:
    found = lines(load_yard(tmp_path, f"schedules:\n  s: {{job: log_triage, every: 1d, {text}}}\n"))
    assert len(found) == 1, found


@pytest.mark.parametrize(
    "text",
    [
        "schedules:\n  a-b: {job: log_triage, every: 1d}\n  a.b: {job: log_triage, every: 1d}\n",
        "schedules:\n  retries: {job: log_triage, every: 1d}\n",
        "schedules:\n  declarations: {job: log_triage, every: 1d}\n",
        f"{AGENT}schedules:\n  agent-queue-dev: {{job: log_triage, every: 1d}}\n",
        "jobs:\n  log-triage: {command: [echo]}\n",
        "jobs:\n  agent.task: {command: [echo]}\n",
        "jobs:\n  a-b: {command: [echo]}\n  a_b: {command: [echo]}\n",
        "agents:\n  a: {queue: x-y, limit: 1, command: [echo]}\n  b: {queue: x.y, limit: 1, command: [echo]}\n",
    ],
)
def test_given_names_that_clash_only_in_dagster_then_that_is_a_fault_or_cannot_be_loaded(
    tmp_path: Path, text: str
) -> None:
    found = load_yard(tmp_path, text)
    if not found.problems:
        with pytest.raises(NotLoadableError):
            loadable(found.declarations)
