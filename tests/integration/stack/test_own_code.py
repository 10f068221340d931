"""jobs/*.py beside config/: loaded while the stack runs, executed by warm workers, loaded again when edited."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.integration.running_stack import Stack, until

JOB = """
import dagster as dg


@dg.op
def say():
    print("{word}")


@dg.job
def own_greeting():
    say()
"""


@pytest.fixture
def folder(stack: Stack) -> Iterator[object]:
    place = stack.folder / "jobs"
    place.mkdir()
    yield place
    shutil.rmtree(place)
    until(lambda: "own_greeting" not in str(stack.run("jobs", "list", "--json").stdout), "it is gone")


def test_a_python_job_is_there_within_seconds_and_an_edit_too(stack: Stack, folder: object) -> None:
    path = stack.folder / "jobs/greeting.py"
    for word in ("first words", "other words"):
        path.write_text(JOB.replace("{word}", word))

        def said(word: str = word) -> bool:
            ended = stack.run("jobs", "launch", "own_greeting", "--wait", check=False)
            return ended.returncode == 0 and word in ended.stdout

        until(said, f"a run that says {word!r}", 180)
    path.write_text("import dagster\n\n1 / 0\n")
    until(
        lambda: "jobs/greeting.py:3:1: ZeroDivisionError" in stack.run("status", check=False).stderr,
        "the fault in status",
        180,
    )
    assert stack.json("jobs", "launch", "heartbeat", "--wait", "--json")["status"] == "SUCCESS"
