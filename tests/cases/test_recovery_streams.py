"""Standard streams that are closed, full, or whose reader has gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.declarations.yards import write_yard

COMMANDS = (
    ["schedules", "next"],
    ["check", "--json"],
    ["--help"],
    ["schedules", "next", "--json"],
    ["forecast", "--offline"],
)
YARD = "jobs: {hello: {command: [echo, hi]}}\nschedules: {each: {job: hello, every: 1m}}\n"


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    return write_yard(tmp_path, {"a.yaml": YARD})


def run(yard: Path, words: list[str], redirected: str) -> subprocess.CompletedProcess[str]:
    """The command in a shell that redirects its output."""
    line = f'"$@" {redirected}'
    argv = [sys.executable, "-m", "scheduler_defs.cli.main", "--config", str(yard), *words]
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line, "bash", *argv],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.case("recovery-U01")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("redirected", "said"), [(">/dev/full", "No space left on device"), (">&-", "it is closed")]
)
def test_given_an_output_that_takes_nothing_then_one_line_says_so(
    yard: Path, words: list[str], redirected: str, said: str
) -> None:
    ended = run(yard, words, redirected)
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1] == f"signalbox: standard output: {said}"
    assert "Traceback" not in ended.stderr and "Exception ignored" not in ended.stderr


@pytest.mark.case("recovery-U01")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_given_a_reader_that_has_gone_then_the_exit_code_is_that_of_a_pipe(
    yard: Path, words: list[str]
) -> None:
    ended = run(yard, words, "| true")
    assert ended.returncode in (0, 141)
    assert "Exception ignored" not in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.case("recovery-U01")
def test_given_closed_messages_then_the_exit_code_is_the_same(yard: Path) -> None:
    ended = run(yard, ["schedules", "next", "nobody"], "2>&-")
    assert ended.returncode == 1
    assert ended.stdout == ""
