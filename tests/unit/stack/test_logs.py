"""Log files that are cut by size while somebody writes to them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from scheduler_defs.stack.machine import logs


def test_given_a_small_file_then_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("x" * 10)
    assert not logs.rotate(tmp_path / "a.log", limit_bytes=10)
    assert not logs.rotate(tmp_path / "missing.log", limit_bytes=10)


def test_given_a_component_that_writes_when_its_log_is_cut_then_it_goes_on_in_the_same_file(
    tmp_path: Path,
) -> None:
    log = logs.open_for_component(tmp_path, "a")
    os.write(log, b"before\n")
    assert logs.rotate(tmp_path / "a.log", limit_bytes=3)
    os.write(log, b"after\n")
    os.close(log)
    assert (tmp_path / "a.log").read_text() == "after\n"
    assert (tmp_path / "a.log.1").read_text() == "before\n"
    assert stat.S_IMODE((tmp_path / "a.log.1").stat().st_mode) == 0o600


def test_given_many_cuts_then_only_the_newest_pieces_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / "a.log").write_text(f"{number} is long enough")
        assert logs.rotate(tmp_path / "a.log", limit_bytes=3, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2"]
    assert (tmp_path / "a.log.1").read_text().startswith("4")
    assert (tmp_path / "a.log.2").read_text().startswith("3")


def test_given_a_log_then_its_last_lines_skip_empty_ones(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"one\n\ntwo\n\xff three\n\n")
    assert logs.last_lines(tmp_path / "a.log", 2) == ["two", "\ufffd three"]
    assert logs.last_lines(tmp_path / "none.log") == []
