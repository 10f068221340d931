"""Reading only what is new, whatever happens to the files in between."""

import gzip
import json
import lzma
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.log_triage.files import reading
from scheduler_defs.jobs.log_triage.files.finding import find_files
from scheduler_defs.jobs.log_triage.triage import Triage, exclusive, triage

START = 1_767_323_045_000_000_000


class Yard:
    """A folder of logs and the state of the triages over it."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self.state = folder / "state"
        self.logs.mkdir()
        self.clock = START

    def write(self, name: str, *lines: str, end: str = "\n") -> Path:
        return self.write_bytes(name, ("\n".join(lines) + end).encode())

    def append(self, name: str, *lines: str, end: str = "\n") -> Path:
        with (self.logs / name).open("ab") as stream:
            stream.write(("\n".join(lines) + end).encode())
        return self.touch(name)

    def write_bytes(self, name: str, data: bytes) -> Path:
        (self.logs / name).write_bytes(data)
        return self.touch(name)

    def touch(self, name: str) -> Path:
        """Every change has its own modification time, as it would have if time passed."""
        self.clock += 1_000_000_000
        os.utime(self.logs / name, ns=(self.clock, self.clock))
        return self.logs / name

    def run(self, *, save: bool = True, **options: int) -> Triage:
        result = triage([f"{self.logs}/**"], self.state, **options)
        if save:
            result.save_positions()
        return result

    def counts(self, **options: int) -> dict[str, int]:
        return {group.template: group.count for group in self.run(**options).groups}


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def many(count: int, word: str = "line") -> list[str]:
    """Over a kilobyte of lines: more than the hash of a file's head covers."""
    return [f"{word} number {index:06d} of a file with some length" for index in range(count)]


def test_everything_is_read_once(yard: Yard) -> None:
    yard.write("a.log", "one 1", "one 2")
    assert yard.counts() == {"one <*>": 2}
    assert yard.counts() == {}
    yard.append("a.log", "one 3", "two words")
    assert yard.counts() == {"one <*>": 1, "two words": 1}


def test_a_crash_between_report_and_positions_repeats_and_loses_nothing(yard: Yard) -> None:
    yard.write("a.log", "one 1")
    assert yard.run(save=False).lines == 1
    assert yard.run().lines == 1
    assert yard.run().lines == 0


def test_renamed_file_is_read_on_and_its_successor_from_the_start(yard: Yard) -> None:
    old = yard.write("a.log", *many(60))
    yard.run()
    yard.append("a.log", "late words")
    old.rename(yard.logs / "a.log.1")
    yard.write("a.log", "fresh words")
    assert yard.counts() == {"late words": 1, "fresh words": 1}


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress)], ids=["gzip", "xz"]
)
def test_compressed_rotated_file_is_not_read_again(
    yard: Yard, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    content = "\n".join(many(60)).encode() + b"\n"
    yard.write_bytes("a.log", content)
    yard.run()
    (yard.logs / "a.log").unlink()
    yard.write_bytes(f"a.log.1{suffix}", compress(content + b"late words\n"))
    assert yard.counts() == {"late words": 1}
    assert yard.counts() == {}


def test_new_gzip_file_is_read(yard: Yard) -> None:
    yard.write_bytes("old.log.gz", gzip.compress(b"one 1\none 2\n") + gzip.compress(b"one 3\n"))
    assert yard.counts() == {"one <*>": 3}


def test_copied_and_truncated_file_is_read_on_in_the_copy(yard: Yard) -> None:
    path = yard.write("a.log", *many(60))
    yard.run()
    yard.append("a.log", "late words")
    yard.write_bytes("a.log.1", path.read_bytes())
    with path.open("wb") as stream:
        stream.write(b"fresh words\n")
    yard.touch("a.log")
    assert yard.counts() == {"late words": 1, "fresh words": 1}


def test_file_truncated_and_grown_beyond_its_old_size_is_read_from_the_start(yard: Yard) -> None:
    path = yard.write("a.log", *many(60))
    yard.run()
    inode = path.stat().st_ino
    with path.open("wb") as stream:
        stream.write(("\n".join(many(100, "other")) + "\n").encode())
    yard.touch("a.log")
    assert path.stat().st_ino == inode
    assert yard.counts() == {"other number <*> of a file with some length": 100}


def test_rewritten_file_with_the_same_beginning_is_read_from_the_start(yard: Yard) -> None:
    banner = many(60, "banner")
    path = yard.write("a.log", *banner, *many(60))
    yard.run()
    with path.open("wb") as stream:
        stream.write(("\n".join([*banner, *many(100, "other")]) + "\n").encode())
    yard.touch("a.log")
    assert yard.run().lines == 160


def test_of_two_copies_of_a_file_that_is_gone_one_is_read_on(yard: Yard) -> None:
    path = yard.write("a.log", *many(60))
    content = path.read_bytes()
    yard.run()
    yard.write_bytes("a.log.1", content + b"late words\n")
    yard.write_bytes("copy.log", content + b"late words\n")
    path.unlink()
    assert sorted(yard.counts().values()) == [2, 60]


def test_truncated_to_nothing_and_written_anew(yard: Yard) -> None:
    path = yard.write("a.log", "one 1", "one 2")
    yard.run()
    with path.open("wb") as stream:
        stream.write(b"new words\n")
    yard.touch("a.log")
    assert yard.counts() == {"new words": 1}


def test_last_line_without_line_break_is_read_once_when_it_ends_there(yard: Yard) -> None:
    yard.write("a.log", "one 1", "two", end="")
    assert yard.counts() == {"one <*>": 1, "two": 1}
    yard.append("a.log", "", "three")
    assert yard.counts() == {"three": 1}


def test_last_line_that_goes_on_is_read_again_as_a_whole(yard: Yard) -> None:
    yard.write("a.log", "one 1", "ERROR disk", end="")
    assert yard.counts() == {"one <*>": 1, "ERROR disk": 1}
    yard.append("a.log", " is full")
    assert yard.counts() == {"ERROR disk is full": 1}
    assert yard.counts() == {}


def test_line_of_ten_megabytes_is_counted_and_not_kept(yard: Yard) -> None:
    yard.write_bytes("a.log", b"before\n" + b"ERROR big " + b"x" * 10_000_000 + b"\nafter\n")
    tracemalloc.start()
    result = yard.run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.lines == 3
    assert {group.severity.value for group in result.groups} == {"error", "unknown"}
    assert result.files[0].lines_cut == 1
    assert peak < 20_000_000
    assert all(len(group.example) <= 500 and len(group.template) <= 300 for group in result.groups)


def test_overlong_last_line_is_not_counted_again_when_it_grows(yard: Yard) -> None:
    yard.write_bytes("a.log", b"x" * (reading.LONGEST_LINE + reading.BLOCK_BYTES))
    assert yard.run().lines == 1
    yard.append("a.log", "y" * reading.LONGEST_LINE, end="")
    assert yard.run().lines == 0
    yard.append("a.log", "yyy", "after it")
    assert yard.counts() == {"after it": 1}


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_blocks_of_any_size_give_every_line_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", size)
    chance = random.Random(size)
    lines = [b"x" * chance.randrange(40) for _ in range(200)]
    path = tmp_path / "a.log"
    path.write_bytes(b"\n".join(lines) + b"\n")
    found: list[bytes] = []
    with path.open("rb") as content:
        progress = reading.read_blocks(content, lambda block: found.extend(block.split(b"\n")))
    assert found == lines
    assert (progress.offset, progress.unfinished, progress.error) == (path.stat().st_size, 0, None)
    assert progress.tail == path.read_bytes()[-1024:]


def test_binary_files_are_passed_over(yard: Yard) -> None:
    yard.write_bytes("wtmp", b"\x07\x00\x00\x00binary")
    yard.write("a.log", "one 1")
    result = yard.run()
    assert (result.binary, result.lines, result.problems) == ([str(yard.logs / "wtmp")], 1, [])


def test_damaged_gzip_is_listed_and_what_was_readable_counts(yard: Yard) -> None:
    chance = random.Random(1)
    whole = gzip.compress("\n".join(f"one {chance.random()}" for _ in range(5000)).encode())
    yard.write_bytes("cut.gz", whole[: len(whole) // 2])
    yard.write_bytes("junk.gz", b"\x1f\x8b\x08garbage that is not deflate")
    yard.write("a.log", "fine")
    result = yard.run()
    assert sorted(Path(problem.path).name for problem in result.problems) == ["cut.gz", "junk.gz"]
    counts = {group.template: group.count for group in result.groups}
    assert counts["fine"] == 1
    assert counts["one <*>"] > 500
    assert yard.counts() == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_listed(yard: Yard) -> None:
    yard.write("a.log", "one").chmod(0)
    assert [problem.problem for problem in yard.run().problems] == ["Permission denied"]


def test_file_that_cannot_be_opened_is_listed_and_the_rest_is_read(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.write("a.log", "one")
    yard.write("b.log", "two")
    really_open = os.open

    def refuse(path: str, flags: int, *arguments: int) -> int:
        if str(path).endswith("a.log"):
            raise PermissionError(13, "Permission denied", str(path))
        return really_open(path, flags, *arguments)

    monkeypatch.setattr(os, "open", refuse)
    result = yard.run()
    assert [problem.problem for problem in result.problems] == ["Permission denied"]
    assert [group.template for group in result.groups] == ["two"]


def test_folders_links_pipes_and_loops_do_no_harm(yard: Yard) -> None:
    deep = yard.logs / "deep"
    deep.mkdir()
    (deep / "x.log").write_text("deep words\n")
    (deep / "loop").symlink_to(yard.logs)
    (yard.logs / "again.log").symlink_to(deep / "x.log")
    (yard.logs / "gone.log").symlink_to(yard.logs / "nowhere")
    os.mkfifo(yard.logs / "pipe.log")
    result = yard.run()
    assert result.lines == 1
    assert [Path(problem.path).name for problem in result.problems] == ["gone.log"]


def test_damaged_positions_mean_reading_again_and_are_told(yard: Yard) -> None:
    yard.write("a.log", "one 1")
    yard.run()
    (yard.state / "positions.json").write_text('{"version": 1, "files": [{"path"')
    result = yard.run()
    assert result.lines == 1
    assert "read again" in result.problems[0].problem
    assert yard.run().lines == 0


def test_limit_of_bytes_leaves_the_rest_to_the_next_runs(yard: Yard) -> None:
    yard.write("a.log", *many(40_000))
    yard.write("b.log", *many(10, "other"))
    first = yard.run(max_bytes=1_000_000)
    assert 0 < first.lines < 40_000
    assert {Path(file.path).name: file.left_over for file in first.files} == {"a.log": True, "b.log": True}
    lines = first.lines
    for _ in range(10):
        lines += yard.run(max_bytes=1_000_000).lines
    assert lines == 40_010


def test_positions_hold_no_content(yard: Yard) -> None:
    yard.write("a.log", "password=hunter2")
    yard.run()
    assert "hunter2" not in (yard.state / "positions.json").read_text()
    assert json.loads((yard.state / "positions.json").read_text())["files"][0]["offset"] == 17


def test_positions_of_vanished_files_are_forgotten_after_two_weeks(yard: Yard) -> None:
    path = yard.write("a.log", *many(60))
    result = yard.run()
    path.unlink()
    yard.run()
    assert len(json.loads((yard.state / "positions.json").read_text())["files"]) == 1
    later = triage([f"{yard.logs}/**"], yard.state)
    later.positions.save(later.positions_path, now=result.positions_path.stat().st_mtime + 15 * 86_400)
    assert json.loads((yard.state / "positions.json").read_text())["files"] == []


def test_second_run_at_once_waits_and_then_says_so(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path, wait_seconds=0),
        pytest.raises(SignalboxError, match="another log_triage"),
        exclusive(tmp_path, wait_seconds=0),
    ):
        pass
    with exclusive(tmp_path, wait_seconds=0):
        pass


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.log", ["a.log"]),
        ("*.log*", ["a.log", "a.log.1"]),
        ("**", ["a.log", "a.log.1", "b.txt", "c.log"]),
        ("**/*.log", ["a.log", "c.log"]),
        ("sub/**/*.log", ["c.log"]),
        ("sub/**", ["b.txt", "c.log"]),
        ("s?b/deeper/[a-c].log", ["c.log"]),
        ("**/[!b].*g", ["a.log", "c.log"]),
        ("none/*", []),
    ],
)
def test_patterns_find_files(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    (tmp_path / "sub" / "deeper").mkdir(parents=True)
    for name in ("a.log", "a.log.1", "sub/b.txt", "sub/deeper/c.log"):
        (tmp_path / name).write_text("x")
    found, problems = find_files([f"{tmp_path}/{pattern}"])
    assert (sorted(path.name for path in found), problems) == (expected, [])
