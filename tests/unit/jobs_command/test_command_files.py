"""Artifacts and output of commands, without running any."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.commands.artifacts.folders import listed, run_folder
from scheduler_defs.jobs.commands.artifacts.globs import matching
from scheduler_defs.jobs.commands.artifacts.keep import keep
from scheduler_defs.jobs.commands.running.output import CommandOutput, hide


def files(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.txt", {"a.txt"}),
        ("**/*.txt", {"a.txt", "d/b.txt", "d/e/c.txt"}),
        ("d/*.txt", {"d/b.txt"}),
        ("d", {"d/b.txt", "d/e/c.txt", "d/.hidden"}),
        ("d/**", {"d/b.txt", "d/e/c.txt"}),
        ("?.txt", {"a.txt"}),
        ("[!b-z].txt", {"a.txt"}),
        ("d/.hidden", {"d/.hidden"}),
        ("odd [1].log", {"odd 1.log"}),
        ("A.TXT", set()),
        ("a.txt/x", set()),
        ("**/**/e/*", {"d/e/c.txt"}),
        ("[z-a]*", set()),
        ("[.]git/*", set()),
    ],
)
def test_given_a_pattern_the_files_that_it_means_are_found(
    tmp_path: Path, pattern: str, found: set[str]
) -> None:
    files(tmp_path, "a.txt", "d/b.txt", "d/e/c.txt", "d/.hidden", ".git/x.txt", "odd 1.log")

    assert set(matching([pattern], tmp_path)) == {PurePosixPath(name) for name in found}


def test_when_a_folder_is_a_link_it_is_not_entered(tmp_path: Path) -> None:
    files(tmp_path / "outside", "secret.txt")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "inside" / "loop").symlink_to(tmp_path / "inside")

    assert list(matching(["**/*", "link/secret.txt"], tmp_path / "inside")) == []


def test_when_files_have_not_changed_they_are_left_out(tmp_path: Path) -> None:
    files(tmp_path / "from", "a.txt")
    later = (tmp_path / "from" / "a.txt").stat().st_ctime + 1

    assert keep(["*"], tmp_path / "from", tmp_path / "to", changed_since=later).artifacts == ()
    assert len(keep(["*"], tmp_path / "from", tmp_path / "to", changed_since=later - 2).artifacts) == 1


def test_when_files_are_kept_later_changes_do_not_reach_the_copy(tmp_path: Path) -> None:
    files(tmp_path / "from", "a.txt")

    keep(["*"], tmp_path / "from", tmp_path / "to")
    (tmp_path / "from" / "a.txt").write_text("changed")

    assert (tmp_path / "to" / "a.txt").read_text() == "a.txt"
    assert [item.path for item in listed(tmp_path / "to")] == ["a.txt"]


def test_when_a_run_id_is_no_file_name_there_is_no_folder_for_it(tmp_path: Path) -> None:
    for bad in ("../x", "", "a/b", "."):
        with pytest.raises(SignalboxError, match="expected letters"):
            run_folder(tmp_path, bad)


def test_when_output_goes_to_a_file_nothing_is_copied_and_only_what_is_new_counts(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab", buffering=0) as log:
        log.write(b"from an earlier step\n")
        with CommandOutput(log.fileno(), log.fileno()) as output:
            assert (output.stdout, output.stderr) == (log.fileno(), log.fileno())
            os.write(output.stdout, b"one\ntwo\r\n\n\x1b[1mthree\x1b[0m\x07")
            tail = output.tail()

    assert tail.stdout == ("one", "two", "three")
    assert tail.stderr == ()


def test_when_output_goes_to_a_pipe_it_is_copied_on() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as read, os.fdopen(writer, "wb") as write:
        with CommandOutput(write.fileno(), write.fileno()) as output:
            os.write(output.stdout, b"first\n")
            output.follow()
            os.write(output.stdout, b"second\n")
            assert output.tail().lines == ("first", "second")
        write.close()

        assert read.read() == b"first\nsecond\n"


def test_when_nobody_reads_the_output_it_does_no_harm() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with CommandOutput(writer, writer) as output:
        os.write(output.stdout, b"lost\n")
        assert output.tail().lines == ("lost",)
    os.close(writer)


def test_when_a_secret_is_in_the_output_it_is_not_repeated() -> None:
    assert hide("a tok-1 and tok-1-long; ab", ["tok-1", "tok-1-long", "ab", ""]) == "a *** and ***; ab"


def test_when_lines_are_many_and_long_the_tail_is_bearable(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log, CommandOutput(log.fileno(), log.fileno()) as output:
        os.write(output.stdout, b"".join(b"%d %s\n" % (n, b"x" * 700) for n in range(1000)))
        tail = output.tail()

    assert len(tail.lines) == 20
    assert max(map(len, tail.lines)) == 500
    assert tail.lines[-1].startswith("999 ")
