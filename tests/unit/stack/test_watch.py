"""Noticing changed declarations."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from scheduler_defs.stack.supervising import watch


def test_given_two_looks_at_the_same_files_then_they_are_equal(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("jobs: {}")
    assert watch.fingerprint(tmp_path, watch.DECLARATIONS) == watch.fingerprint(tmp_path, watch.DECLARATIONS)


@pytest.mark.parametrize("change", ["edit", "add", "remove", "rename"])
def test_given_a_change_then_the_fingerprint_differs(tmp_path: Path, change: str) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text("jobs: {}")
    before = watch.fingerprint(tmp_path, watch.DECLARATIONS)
    match change:
        case "edit":
            file.write_text("jobs: {a: {}}")
        case "add":
            (tmp_path / "more.yml").write_text("")
        case "remove":
            file.unlink()
        case _:
            file.rename(tmp_path / "other.yaml")
    assert watch.fingerprint(tmp_path, watch.DECLARATIONS) != before


def test_given_other_files_or_no_folder_then_they_do_not_count(tmp_path: Path) -> None:
    before = watch.fingerprint(tmp_path, watch.DECLARATIONS)
    (tmp_path / ".jobs.yaml.swp").write_text("")
    assert (
        watch.fingerprint(tmp_path, watch.DECLARATIONS)
        == before
        == watch.fingerprint(tmp_path / "none", watch.DECLARATIONS)
    )


def test_given_an_editor_that_writes_in_several_goes_then_one_change_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    real_sleep = asyncio.sleep

    async def next_look(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks in (2, 3):
            (tmp_path / "jobs.yaml").write_text("x" * looks)
        await real_sleep(0)

    monkeypatch.setattr(watch.asyncio, "sleep", next_look)

    async def first_change() -> int:
        async for _ in watch.changes(tmp_path, watch.DECLARATIONS):
            return looks
        raise AssertionError

    assert asyncio.run(first_change()) == 4
