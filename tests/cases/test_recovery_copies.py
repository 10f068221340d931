"""A copy of a state folder, tried out beside the original, ends none of the original's processes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scheduler_defs.settings import STATE
from scheduler_defs.stack.machine import record
from scheduler_defs.stack.machine.record import StackRecord
from scheduler_defs.stack.supervising.running import left_by_a_stack


@pytest.mark.case("recovery-B06")
def test_given_a_copy_of_a_state_folder_then_the_record_in_it_is_the_originals(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    written = StackRecord("id", 1, "2026-11-29T00:00:00+00:00", True, "http://h", {STATE: str(state)}, ())
    record.write(state, written)
    shutil.copytree(state, tmp_path / "copy")

    assert left_by_a_stack(state) == written
    assert left_by_a_stack(tmp_path / "copy") is None
