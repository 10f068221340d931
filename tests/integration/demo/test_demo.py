"""The demonstration: four agents on two accounts, twelve dependent tasks; one lies, one asks, one pool closes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from demo import yard
from scheduler_defs.settings import PROJECT_ROOT
from tests.integration.running_stack import clean_environment


@pytest.mark.timeout(600)
def test_given_the_demonstration_then_everything_lands_in_order() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=PROJECT_ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "asks: Which colour",
        "is closed",
        "is open again",
        f"{len(yard.TASKS)} tasks landed in order",
    ):
        assert said in done.stdout
