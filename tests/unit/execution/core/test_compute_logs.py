import os
import subprocess
import sys
from pathlib import Path

import pytest
from dagster._core.storage.compute_log_manager import ComputeIOType

from scheduler_defs.execution.storage.compute_logs import SignalboxComputeLogManager

KEY = ["run", "compute_logs", "step.with.dots"]


def _read(manager: SignalboxComputeLogManager, kind: ComputeIOType) -> bytes:
    return manager.get_log_data_for_type(KEY, kind, 0, None)[0] or b""


def test_given_a_captured_block_then_what_it_and_its_children_print_is_in_the_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    manager = SignalboxComputeLogManager(str(tmp_path))
    with capfd.disabled(), manager.capture_logs(KEY):
        os.write(1, b"out\n")
        os.write(2, b"err\n")
        subprocess.run([sys.executable, "-c", "print('child')"], check=True)
        assert not manager.is_capture_complete(KEY)
        assert _read(manager, ComputeIOType.STDOUT) == b"out\nchild\n"
    assert manager.is_capture_complete(KEY)
    assert _read(manager, ComputeIOType.STDERR) == b"err\n"
    metadata = manager.get_log_metadata(KEY)
    assert metadata.stdout_location == str(tmp_path / "run" / "compute_logs" / "step.with.dots.out")


def test_given_an_error_in_the_block_then_the_terminal_is_given_back(tmp_path: Path) -> None:
    manager = SignalboxComputeLogManager(str(tmp_path))
    before = os.fstat(1)
    with pytest.raises(ValueError, match="red"), manager.capture_logs(KEY):
        raise ValueError("red")
    assert os.fstat(1) == before


@pytest.mark.case("ui-UI-31")
@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, ValueError])
def test_given_a_block_that_is_interrupted_then_who_follows_the_log_is_told_that_it_ends(
    tmp_path: Path, end: type[BaseException]
) -> None:
    manager = SignalboxComputeLogManager(str(tmp_path))
    with pytest.raises(end), manager.capture_logs(KEY):
        raise end
    assert manager.is_capture_complete(KEY)


def test_given_no_folder_then_it_is_below_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
    path = SignalboxComputeLogManager().get_captured_local_path(KEY, "out")
    assert path.startswith(str(tmp_path / "compute_logs"))


def test_given_a_key_that_leaves_the_folder_then_it_is_refused(tmp_path: Path) -> None:
    manager = SignalboxComputeLogManager(str(tmp_path))
    with pytest.raises(ValueError, match="Invalid path"), manager.capture_logs(["..", "..", "x"]):
        pass
