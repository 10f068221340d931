"""Files of runs: what is there is given, and nothing leads out of the run's folder."""

import os
from pathlib import Path

import pytest

from scheduler_defs.web.rest.routes.files import opened

pytestmark = pytest.mark.attack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    (run / "step").mkdir(parents=True)
    (run / "step" / "out.txt").write_text("kept")
    (tmp_path / "secret").write_text("secret")
    (run / "link").symlink_to(tmp_path / "secret")
    (run / "away").symlink_to(tmp_path)
    os.mkfifo(run / "pipe")
    return run


def test_a_kept_file_is_opened(folder: Path) -> None:
    file = opened(folder, "step/out.txt")
    assert file is not None
    with os.fdopen(file) as found:
        assert found.read() == "kept"


@pytest.mark.parametrize(
    "path",
    [
        *("../secret", "step/../../secret", "..", ".", "", "/", "/etc/passwd", "step//out.txt", "step/"),
        *("link", "away/secret", "step", "pipe", "none", "step/out.txt/x", "a\0b", "x" * 300),
    ],
)
def test_nothing_else_is(folder: Path, path: str) -> None:
    assert opened(folder, path) is None
