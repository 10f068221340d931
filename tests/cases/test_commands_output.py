"""What runs print, as it is read while it grows, when it is large, and when its run is deleted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.compute_log_manager import CapturedLogData, ComputeIOType
from dagster_graphql.implementation.execution import gen_captured_log_data

from scheduler_defs.execution.storage.compute_logs import SignalboxComputeLogManager
from scheduler_defs.execution.storage.log_reading import MOST_BYTES, whole_characters
from tests.unit.execution.core.setting import Setting

KEY = ["run", "compute_logs", "step"]


@pytest.fixture
def manager(tmp_path: Path) -> SignalboxComputeLogManager:
    return SignalboxComputeLogManager(str(tmp_path / "compute_logs"))


def path(manager: SignalboxComputeLogManager, extension: str = "out") -> Path:
    found = Path(manager.get_captured_local_path(KEY, extension))
    found.parent.mkdir(parents=True, exist_ok=True)
    return found


def append(manager: SignalboxComputeLogManager, data: bytes) -> None:
    with path(manager).open("ab") as file:
        file.write(data)


def polled(manager: SignalboxComputeLogManager, cursor: str | None) -> tuple[str, str | None]:
    found = manager.get_log_data(KEY, cursor)
    return (found.stdout or b"").decode(errors="replace"), found.cursor


@pytest.mark.case("commands-C02")
def test_given_a_character_written_in_two_halves_then_whoever_polls_sees_it_whole(
    manager: SignalboxComputeLogManager,
) -> None:
    seen, cursor = "", None
    for part in (b"a\xc3\xa9b \xf0\x9f", b"", b"\x98\x80 end", b" \xe6"):
        append(manager, part)
        text, cursor = polled(manager, cursor)
        seen += text
    path(manager, "complete").touch()
    seen += polled(manager, cursor)[0]

    assert seen == "aéb 😀 end \ufffd"  # the last one is half for good


@pytest.mark.case("commands-C02")
@pytest.mark.parametrize("limit", range(1, 12))
def test_given_pieces_of_any_size_then_no_character_is_cut(
    manager: SignalboxComputeLogManager, limit: int
) -> None:
    text = "漢字 é 😀😀 end"
    append(manager, text.encode())
    path(manager, "complete").touch()
    pieces, offset = [], 0
    while True:
        data, offset = manager.get_log_data_for_type(KEY, ComputeIOType.STDOUT, offset, limit)
        if not data:
            break
        pieces.append(data)

    assert b"".join(pieces).decode() == text
    if limit >= 4:
        assert "".join(piece.decode() for piece in pieces) == text


@pytest.mark.case("commands-C02")
@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", b""),
        (b"abc", b"abc"),
        (b"ab\xc3", b"ab"),
        (b"ab\xf0\x9f\x98", b"ab"),
        (b"ab\xf0\x9f\x98\x80", b"ab\xf0\x9f\x98\x80"),
        (b"latin-1 \xfc\xff", b"latin-1 \xfc\xff"),
        (b"\x80\x80\x80\x80\x80", b"\x80\x80\x80\x80\x80"),
    ],
)
def test_given_bytes_then_only_the_beginning_of_a_character_is_left(data: bytes, whole: bytes) -> None:
    assert whole_characters(data) == whole


@pytest.mark.case("commands-X-capturedlogs")
def test_given_no_limit_then_a_bounded_piece_is_read(manager: SignalboxComputeLogManager) -> None:
    with path(manager).open("wb") as file:
        file.truncate(10 * MOST_BYTES)

    data, offset = manager.get_log_data_for_type(KEY, ComputeIOType.STDOUT, 0, None)

    assert len(data or b"") == offset == MOST_BYTES


@pytest.mark.case("commands-C04")
def test_given_a_large_log_then_its_viewer_gets_the_end_of_it_and_is_told(
    manager: SignalboxComputeLogManager,
) -> None:
    line = "zwölf\n".encode()
    lines = 4 * MOST_BYTES // len(line)
    append(manager, line * lines)
    path(manager, "complete").touch()
    got: list[CapturedLogData] = []

    manager.subscribe(KEY)(got.append)

    text = b"".join(each.stdout or b"" for each in got)
    first, _, rest = text.decode().partition("\n")
    assert len(text) <= MOST_BYTES + 200
    assert set(rest.splitlines()) == {"zwölf"}
    said = int(first.removeprefix("[").partition(" ")[0].replace(",", ""))
    assert first.endswith("bytes before this are not shown; the whole log can be downloaded]")
    assert said + len(rest.encode()) == len(line) * lines


@pytest.mark.case("commands-C04")
def test_given_a_log_that_grows_while_it_is_viewed_then_all_of_it_comes_once(
    manager: SignalboxComputeLogManager,
) -> None:
    got: list[CapturedLogData] = []
    append(manager, b"one\n" * 1000)
    subscription = manager.subscribe(KEY)(got.append)
    try:
        append(manager, b"two\xf0\x9f")
        subscription.fetch()
        append(manager, b"\x98\x80\n")
        subscription.fetch()
        subscription.fetch()
        path(manager, "complete").touch()
        subscription.complete()
    finally:
        subscription.dispose()
        manager.dispose()

    assert b"".join(each.stdout or b"" for each in got) == b"one\n" * 1000 + "two😀\n".encode()


@pytest.mark.case("commands-C04")
def test_given_a_run_is_deleted_then_what_it_printed_is_as_well(
    setting: Setting, manager: SignalboxComputeLogManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dg.DagsterInstance, "compute_log_manager", manager)
    deleted, other = setting.run("SUCCESS"), setting.run("SUCCESS")
    folders = [Path(manager._base_dir, run_id) for run_id in (deleted, other)]
    for folder in folders:
        (folder / "compute_logs").mkdir(parents=True)

    setting.instance.delete_run(deleted)

    assert [folder.exists() for folder in folders] == [False, True]


@pytest.mark.case("commands-C04")
def test_given_a_run_id_that_is_no_name_of_a_folder_then_nothing_is_deleted(
    setting: Setting, manager: SignalboxComputeLogManager, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dg.DagsterInstance, "compute_log_manager", manager)
    (tmp_path / "kept").mkdir()

    setting.storage.run_storage.delete_run("../kept")

    assert (tmp_path / "kept").exists()


@pytest.mark.case("ui-UI-31")
@pytest.mark.parametrize("how", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
def test_given_a_step_that_was_killed_when_its_run_ends_then_whoever_views_its_output_is_told(
    setting: Setting,
    manager: SignalboxComputeLogManager,
    monkeypatch: pytest.MonkeyPatch,
    how: dg.DagsterRunStatus,
) -> None:
    monkeypatch.setattr(dg.DagsterInstance, "compute_log_manager", manager)
    run = setting.instance.get_run_by_id(setting.run("STARTED"))
    assert run is not None
    key = [run.run_id, "compute_logs", "step"]
    out = Path(manager.get_captured_local_path(key, "out"))
    out.parent.mkdir(parents=True)
    out.write_bytes(b"half a li")
    info: Any = SimpleNamespace(
        context=SimpleNamespace(instance=SimpleNamespace(compute_log_manager=manager))
    )

    async def viewed() -> list[str]:
        seen: list[str] = []
        async for each in gen_captured_log_data(info, key):
            seen.append(each.stdout or "")
            if len(seen) == 1:
                await asyncio.to_thread(end)
        return seen

    def end() -> None:
        if how is dg.DagsterRunStatus.FAILURE:
            setting.instance.report_run_failed(run, "its worker was lost")
        else:
            setting.instance.report_run_canceled(run)

    try:
        assert "".join(asyncio.run(asyncio.wait_for(viewed(), 30))) == "half a li"
    finally:
        manager.dispose()
