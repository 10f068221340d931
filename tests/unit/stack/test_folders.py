"""State folders and short paths for sockets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.machine import folders


def test_given_a_short_plain_path_then_the_sockets_are_in_the_state_folder() -> None:
    assert folders.socket_folder(Path("/srv/yard/.signalbox")) == Path("/srv/yard/.signalbox/run")


@pytest.mark.parametrize(
    "state", ["/srv/with a space/state", "/srv/" + "deep/" * 30 + "state", "/srv/ümlaut"]
)
def test_given_an_unfit_path_then_the_sockets_are_elsewhere_and_fit(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    found = folders.socket_folder(Path(state))
    assert len(os.fsencode(found / "pg" / ".s.PGSQL.5432.lock")) < 104
    assert " " not in str(found)
    assert str(found).isascii()


def test_given_two_unfit_paths_then_their_socket_folders_differ() -> None:
    assert folders.socket_folder(Path("/srv/a b")) != folders.socket_folder(Path("/srv/a c"))


def test_given_a_runtime_folder_of_the_session_then_it_is_preferred_to_tmp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert folders.socket_folder(Path("/srv/a b")).parent == Path("/tmp")


def test_when_the_state_folder_is_created_then_logs_and_artifacts_are_private(tmp_path: Path) -> None:
    folders.create_state(tmp_path / "deep" / "state")
    for name in ("logs", "artifacts"):
        assert stat.S_IMODE((tmp_path / "deep" / "state" / name).stat().st_mode) == 0o700
    folders.create_state(tmp_path / "deep" / "state")


def test_given_a_file_where_the_state_should_be_then_the_error_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(SignalboxError, match="not a folder"):
        folders.create_state(tmp_path / "state")


def test_given_a_link_where_a_private_folder_should_be_then_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(SignalboxError, match="not our folder"):
        folders.create_private(tmp_path / "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_given_somebody_elses_folder_then_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(SignalboxError, match="not our folder"):
        folders.create_private(tmp_path / "theirs")
