"""`signalbox run -- COMMAND` on the running stack."""

from __future__ import annotations

import json

from tests.integration.running_stack import Stack


def test_a_command_is_run_once_and_its_output_and_exit_code_come_back(stack: Stack) -> None:
    ended = stack.run("run", "--", "sh", "-c", "echo to out; echo to err >&2; exit 3", check=False)
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout.splitlines()[0] == "to out"
    assert "to err" in ended.stderr
    (run, *_) = stack.json("runs", "list", "--job", "one_command", "--json")
    assert (run["status"], run["failure"], run["exit_code"]) == ("FAILURE", "exit_code", 3)


def test_a_command_that_works_ends_with_0_and_one_that_hangs_with_its_timeout(stack: Stack) -> None:
    good = json.loads(stack.run("run", "--json", "--", "echo", "{not a placeholder}").stdout)
    assert (good["status"], good["exit_code"]) == ("SUCCESS", 0)
    late = stack.run("run", "--timeout", "1s", "--", "sleep", "60", check=False)
    assert late.returncode == 1
    assert "timed out" in late.stderr or "time" in late.stderr
