"""What a guarded command gets, and what is said when it cannot be started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scheduler_defs.execution.guard.guard import GUARD_PROCESS, run_guarded
from scheduler_defs.execution.guard.starting import NotStartedError
from tests.unit.guard.conftest import Marked

HELLO = "#!/bin/sh\necho hello\n"


def output(argv: list[str], marked: Marked, tmp_path: Path, **options: object) -> bytes:
    """What a command prints."""
    with (tmp_path / "output").open("wb") as file:
        outcome = run_guarded(argv, env=marked.env, stdout=file.fileno(), stderr=file.fileno(), **options)
    assert outcome.succeeded
    return (tmp_path / "output").read_bytes()


def script(path: Path, text: str = HELLO, mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["no-such-program-7"], "program 'no-such-program-7' is not found on PATH {path}"),
        (["./no-such-script"], "program './no-such-script': No such file or directory"),
        (["./plain"], "program './plain': Permission denied"),
        (
            ["./no-first-line"],
            "program './no-first-line': not a program, nor a script whose first line begins with #!",
        ),
        (["/"], "program '/': Permission denied"),
        ([], "the command is empty; give a program and its arguments"),
        (["echo", "a\0b"], "a command cannot have NUL characters in it: 'a\\x00b'"),
    ],
)
def test_when_a_program_cannot_be_started_one_line_says_why(
    argv: list[str], message: str, marked: Marked, tmp_path: Path
) -> None:
    script(tmp_path / "plain", mode=0o644)
    script(tmp_path / "no-first-line", "echo hello\n")

    with pytest.raises(NotStartedError) as raised:
        run_guarded(argv, env=marked.env, cwd=tmp_path)

    assert str(raised.value) == message.format(path=marked.env["PATH"])


def test_when_the_working_directory_is_missing_one_line_says_so(marked: Marked, tmp_path: Path) -> None:
    with pytest.raises(NotStartedError, match=r"working directory '.*/gone': No such file or directory"):
        run_guarded(["true"], env=marked.env, cwd=tmp_path / "gone")


def test_when_a_program_is_named_by_a_relative_path_it_is_that_of_the_working_directory(
    marked: Marked, tmp_path: Path
) -> None:
    script(tmp_path / "hello")

    assert output(["./hello"], marked, tmp_path, cwd=tmp_path) == b"hello\n"


def test_when_arguments_look_like_shell_they_are_arguments(marked: Marked, tmp_path: Path) -> None:
    odd = ["$HOME; echo $(id) | cat", "*", "", "zwei\nZeilen", "ä€", "\udcff"]

    printed = output(["printf", "%s\\0", *odd], marked, tmp_path)

    assert printed.split(b"\0")[:-1] == [os.fsencode(text) for text in odd]


def test_when_a_command_starts_its_environment_is_what_was_given_and_nothing_else(
    marked: Marked, tmp_path: Path
) -> None:
    names = {line.partition(b"=")[0] for line in output(["env"], marked, tmp_path).splitlines()}

    assert names == {b"PATH", b"GUARD_TEST_MARK", b"SIGNALBOX_GUARD"}


def test_when_a_command_starts_its_stdin_is_empty_and_no_file_of_ours_is_open(
    marked: Marked, tmp_path: Path
) -> None:
    code = "import os, sys; print(repr(sys.stdin.read()), sorted(map(int, os.listdir('/proc/self/fd'))))"
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)

        printed = output([sys.executable, "-c", code], marked, tmp_path)

    assert printed == b"'' [0, 1, 2, 3]\n"  # 3 is the listing itself


def test_when_a_command_starts_signals_mean_what_they_usually_mean(marked: Marked, tmp_path: Path) -> None:
    printed = output(["cat", "/proc/self/status"], marked, tmp_path).decode()

    masks = dict(line.split(":\t") for line in printed.splitlines() if line.startswith(("SigIgn", "SigBlk")))
    # What we inherited of the two signals that the C library keeps for itself, no program can change.
    ours = ~(1 << 31 | 1 << 32)
    assert {int(mask, 16) & ours for mask in masks.values()} == {0}


def test_when_a_worker_has_closed_its_standard_streams_its_commands_run(
    marked: Marked, tmp_path: Path
) -> None:
    code = (
        "import os, sys\n"
        "from scheduler_defs.execution.guard.guard import run_guarded\n"
        f"out = os.open({str(tmp_path / 'output')!r}, os.O_WRONLY | os.O_CREAT)\n"
        "for fd in (0, 1, 2): os.close(fd)\n"
        "outcome = run_guarded(['echo', 'here'], env=dict(os.environ), stdout=out, stderr=out)\n"
        "os._exit(0 if outcome.succeeded else 1)"
    )

    finished = subprocess.run([sys.executable, "-c", code], env={**os.environ, **marked.env}, timeout=30)

    assert finished.returncode == 0
    assert (tmp_path / "output").read_bytes() == b"here\n"


def test_when_output_is_huge_and_binary_it_passes_by_the_worker(marked: Marked, tmp_path: Path) -> None:
    with (tmp_path / "output").open("wb") as file:
        outcome = run_guarded(
            ["head", "-c", "300000000", "/dev/urandom"], env=marked.env, stdout=file.fileno()
        )

    assert outcome.succeeded
    assert (tmp_path / "output").stat().st_size == 300_000_000
    assert outcome.peak_memory_bytes < 50_000_000


def test_when_the_environment_is_large_it_arrives(marked: Marked, tmp_path: Path) -> None:
    large = {f"V{number}": "x" * 100_000 for number in range(15)}

    outcome = run_guarded(["sh", "-c", "test ${#V14} = 100000"], env={**marked.env, **large})

    assert outcome.succeeded


def test_when_arguments_are_larger_than_the_system_allows_one_line_says_so(marked: Marked) -> None:
    with pytest.raises(NotStartedError, match=r"argument 1 has 5,000,000 bytes \(at most 131,071\)"):
        run_guarded(["true", "x" * 5_000_000], env=marked.env)


def test_when_the_guard_starts_it_imports_nothing_of_ours_and_is_quick(marked: Marked) -> None:
    # Without orders (end of file on fd 0) it goes away.
    listing = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", GUARD_PROCESS, "0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    ).stderr
    imported = {line.rpartition("|")[2].strip() for line in listing.splitlines()}
    assert imported >= {"os", "_signal", "_ctypes"}
    assert not imported & {
        "scheduler_defs",
        "ctypes",
        "signal",
        "enum",
        "re",
        "typing",
        "subprocess",
        "socket",
    }

    took: list[float] = []
    for _ in range(5):
        began = time.monotonic()
        run_guarded(["true"], env=marked.env)
        took.append(time.monotonic() - began)
    assert min(took) < 0.25
