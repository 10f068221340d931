"""The stack's own logs are plain text: no colour code hides a level in a file."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import logging
from dagster._daemon import controller
{before}
controller.configure_loggers()
{after}
logging.getLogger("dagster.daemon").info("Sensor retries skipped")
logging.getLogger("dagster.daemon").error("no such thing")
"""
PLAIN = "from scheduler_defs.execution.dagster_patches import plain_logs; plain_logs."


@pytest.mark.case("recovery-X-own-colours")
@pytest.mark.parametrize(
    ("before", "after", "coloured"),
    [
        # The daemon sets its loggers up after its storage, others before.
        (PLAIN + "install()", "", False),
        ("", PLAIN + "without_colours()", False),
        ("", "", True),
    ],
)
def test_given_a_daemon_that_writes_to_a_file_then_its_log_has_no_colours(
    before: str, after: str, coloured: bool
) -> None:
    script = SCRIPT.format(before=before, after=after)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "INFO" in done.stdout
    # Dagster's own is the contract: where it stops colouring, this patch can go.
    assert ("\x1b[" in done.stdout) is coloured
