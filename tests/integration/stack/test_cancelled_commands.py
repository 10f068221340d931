"""A command that is cancelled ends in its own time, as long as its grace lasts."""

from __future__ import annotations

from pathlib import Path

from tests.integration.running_stack import Stack, until

JOB = """
jobs:
  slow-end:
    command: [sh, -c, "trap 'sleep 14; echo tidied > {marks}/tidied; exit 0' TERM; touch {marks}/began; sleep 600 & wait"]
    grace: 30s
"""


def test_given_a_grace_longer_than_ten_seconds_when_cancelled_then_the_command_tidies_up(
    stack: Stack, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    added = stack.config / "slow-end.yaml"
    added.write_text(JOB.replace("{marks}", str(tmp_path)))
    try:
        launch = ("jobs", "launch", "slow-end", "--json")
        until(lambda: stack.run(*launch, "--dry-run", check=False).returncode == 0, "the job declared")
        until(lambda: stack.run(*launch, check=False).returncode == 0, "the job served")
        until((tmp_path / "began").exists, "the command")
        (run,) = stack.json("runs", "list", "--job", "slow-end", "--json")
        stack.run("runs", "cancel", run["run_id"])
        until((tmp_path / "tidied").exists, "the end of its own", 40)
        assert stack.json("runs", "show", run["run_id"], "--json")["status"] == "CANCELED"
    finally:
        added.unlink()
