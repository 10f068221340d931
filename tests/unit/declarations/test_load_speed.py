"""Loading must not be felt: definitions are built on every reload."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scheduler_defs.declarations import load
from tests.unit.declarations.yards import write_yard


def yard_of(schedules: int, jobs: int) -> str:
    """YAML of so many schedules and jobs, half of them in flow style."""
    lines = ["defaults: {timezone: America/Chicago, retries: {max_attempts: 3, base: 60s, cap: 1h}}", "jobs:"]
    command = 'command: [echo, "{params.who}"], params: {who: {default: x}}'
    lines += [f"  j-{number}: {{{command}}}" for number in range(jobs)]
    lines.append("schedules:")
    for number in range(schedules):
        job = f"j-{number % jobs}"
        if number % 2:
            lines.append(
                f"  s-{number}: {{job: {job}, every: {number % 50 + 1}m, tags: {{team: t{number % 7}}}}}"
            )
        else:
            lines.append(f"  s-{number}:\n    job: {job}\n    cron: '{number % 60} {number % 24} * * *'")
            lines.append(
                f"    description: Number {number}\n    timeout: 10m\n    config: {{who: n{number}}}"
            )
    return "\n".join(lines) + "\n"


# CPU time, because other tests may run beside this one. The budgets are several times what it takes.
@pytest.mark.parametrize(("schedules", "seconds"), [(1_000, 0.8), (10_000, 5.0)])
def test_given_many_schedules_when_loaded_then_it_is_quick(
    tmp_path: Path, schedules: int, seconds: float
) -> None:
    config = write_yard(tmp_path, {"a.yaml": yard_of(schedules, 200)})
    began = time.process_time()
    result = load(config)
    took = time.process_time() - began
    assert not result.problems
    assert (len(result.declarations.schedules), len(result.declarations.jobs)) == (schedules, 200)
    assert took < seconds
