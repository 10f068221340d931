"""stack.json, written by the supervisor and read by everybody else."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler_defs.stack.machine import record
from scheduler_defs.stack.machine.record import ComponentRecord, StackRecord, State

SINCE = "2026-01-01T00:00:00.000+00:00"
STACK = StackRecord(
    id="ab12",
    pid=7,
    since=SINCE,
    ready=True,
    ui="http://127.0.0.1:3000",
    exports={"SIGNALBOX_POSTGRES_URL": "postgresql+psycopg2://u:secret@db/x"},
    components=(ComponentRecord("postgres", State.HEALTHY, 8, 1.5, SINCE, 2, "/run/pg", ""),),
)


def test_when_a_record_is_written_then_it_reads_back_equal_and_is_private(tmp_path: Path) -> None:
    record.write(tmp_path, STACK)
    assert record.read(tmp_path) == STACK
    assert stat.S_IMODE((tmp_path / record.RECORD).stat().st_mode) == 0o600


def test_when_it_is_written_again_then_nothing_is_left_beside_it(tmp_path: Path) -> None:
    record.write(tmp_path, STACK)
    record.write(tmp_path, replace(STACK, ready=False))
    assert [path.name for path in tmp_path.iterdir()] == [record.RECORD]
    found = record.read(tmp_path)
    assert found is not None
    assert found.ready is False


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"version": 99}', '{"version": 1, "components": [{}]}']
)
def test_given_a_file_that_is_no_record_then_there_is_no_stack(tmp_path: Path, text: str) -> None:
    (tmp_path / record.RECORD).write_text(text)
    assert record.read(tmp_path) is None


def test_when_it_is_removed_then_there_is_no_stack(tmp_path: Path) -> None:
    record.write(tmp_path, STACK)
    record.remove(tmp_path)
    record.remove(tmp_path)
    assert record.read(tmp_path) is None
