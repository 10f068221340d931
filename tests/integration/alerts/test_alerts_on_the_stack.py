"""A failing schedule on the real stack: daemon, sensor, worker and a channel that is a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.running_stack import Stack, until

PROGRAM = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"
WORK = "import pathlib, sys; sys.exit(0 if pathlib.Path(sys.argv[1]).exists() else 'the disk is full')"


class Told:
    """What a channel has been given, and whether the job that it is about fails."""

    def __init__(self, folder: Path) -> None:
        self.path, self.well = folder / "told.jsonl", folder / "well"

    @property
    def texts(self) -> list[str]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [json.loads(line)["text"] for line in lines]


@pytest.fixture
def told(stack: Stack, tmp_path: Path) -> Iterator[Told]:
    """A schedule `alerting` that notifies; the declarations are as before afterwards."""
    found = Told(tmp_path)
    python = sys.executable
    declared: dict[str, Any] = {
        "jobs": {"alerting_work": {"command": [python, "-c", WORK, str(found.well)]}},
        "schedules": {
            "alerting": {
                "job": "alerting_work",
                "cron": "0 0 1 1 *",
                "retries": {"max_attempts": 1},
                "notify": ["program"],
            }
        },
        "alerts": {
            "channels": {
                "program": {"type": "command", "command": [python, "-c", PROGRAM, str(found.path)]},
                "unset": {"type": "webhook", "url_env": "SIGNALBOX_TEST_NOT_SET"},
            },
            "rules": {"unset": {"on": "run_failed", "schedules": ["alerting"], "channels": ["unset"]}},
        },
    }
    path = stack.config / "added_alerts.yaml"
    path.write_text(json.dumps(declared))
    until(lambda: _known(stack), "the schedule is there")
    yield found
    path.unlink()
    until(lambda: not _known(stack), "the schedule is gone")


def _known(stack: Stack) -> bool:
    from scheduler_defs.stack.health.checks import graphql

    query = '{ repositoryOrError(repositorySelector: {repositoryName: "__repository__", '
    query += 'repositoryLocationName: "signalbox"}) { ... on Repository { schedules { name } } } }'
    found = graphql(stack.ui, query)["repositoryOrError"].get("schedules", ())
    return "alerting" in {schedule["name"] for schedule in found}


def test_given_a_notified_schedule_when_its_run_fails_and_then_succeeds_then_both_are_told(
    stack: Stack, told: Told
) -> None:
    stack.run("schedules", "run", "alerting", "--wait", check=False)
    until(lambda: told.texts, "the failure is told")
    told.well.touch()
    stack.run("schedules", "run", "alerting", "--wait")
    until(lambda: len(told.texts) > 1, "the recovery is told")
    assert told.texts == [
        "schedule alerting: run failed: exit code 1: the disk is full",
        "schedule alerting: well again after a failure",
    ]
    unset = next(each for each in stack.json("alerts", "list")["channels"] if each["name"] == "unset")
    assert unset["waiting"] == 1
    assert unset["fault"] == "channel unset: the variable SIGNALBOX_TEST_NOT_SET is not set"
