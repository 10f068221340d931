"""The stack's own credential is for its owner alone."""

from __future__ import annotations

from pathlib import Path

from scheduler_defs.access import credential


def test_it_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    assert credential.headers(tmp_path, {}) == {}
    first = credential.create(tmp_path)
    assert credential.create(tmp_path) == first == credential.read(tmp_path)
    assert [(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [0o600]
    assert credential.headers(tmp_path, {})["Authorization"] == f"Bearer {first}"


def test_a_token_that_was_given_goes_before_it(tmp_path: Path) -> None:
    credential.create(tmp_path)
    found = credential.headers(tmp_path, {"SIGNALBOX_TOKEN": "sbx_x"})
    assert found["Authorization"] == "Bearer sbx_x"
