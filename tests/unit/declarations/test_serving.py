"""The last good set: a fault changes nothing for what was working."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scheduler_defs.declarations import Current, Serving, current, serving
from scheduler_defs.declarations.loading import BUILTIN_JOBS
from scheduler_defs.declarations.reading import sources
from scheduler_defs.declarations.reading.sources import fingerprint, read_sources
from tests.unit.declarations.yards import write_yard

GOOD = "schedules:\n  a: {job: log_triage, every: 1d}\n  b: {job: log_triage, every: 1d}\n"
BETTER = "schedules:\n  c: {job: log_triage, every: 1h}\n"
BAD = "schedules:\n  a: {job: log_triage, every: 1d}\n  b: {job: nope, every: 1d}\n"


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this process had just started."""
    monkeypatch.setattr(serving, "_known", {})
    monkeypatch.setattr(sources, "_digests", {})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def restart() -> None:
    """Forget what this process knows."""
    serving._known.clear()
    sources._digests.clear()


def names(found: Current) -> list[str]:
    return list(found.declarations.schedules)


def test_given_good_files_when_asked_then_they_are_in_force(tmp_path: Path, state: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    found = current(config, state)
    assert (names(found), found.problems, found.serving) == (["a", "b"], (), Serving.FILES)
    assert found.declarations.fingerprint == fingerprint(config)


def test_given_unchanged_files_when_asked_again_then_the_same_object_comes_back(
    tmp_path: Path, state: Path
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    assert current(config, state) is current(config, state)


def test_given_a_changed_file_when_asked_then_it_counts_at_once(tmp_path: Path, state: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    before = current(config, state)
    write_yard(tmp_path, {"a.yaml": BETTER})
    after = current(config, state)
    assert names(after) == ["c"]
    assert after.declarations.fingerprint != before.declarations.fingerprint


def test_given_a_change_that_keeps_size_and_time_when_asked_then_it_counts(
    tmp_path: Path, state: Path
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    stamp = (config / "a.yaml").stat()
    current(config, state)
    (config / "a.yaml").write_text(GOOD.replace("every: 1d", "every: 2d"))
    os.utime(config / "a.yaml", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert current(config, state).declarations.schedules["a"].spec == "every 2d"


def test_given_a_fault_when_asked_then_the_last_good_set_stays_and_the_fault_is_told(
    tmp_path: Path, state: Path
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    before = current(config, state)
    write_yard(tmp_path, {"a.yaml": BAD})
    after = current(config, state)
    assert names(after) == ["a", "b"]
    assert after.serving is Serving.LAST_GOOD
    assert after.declarations.fingerprint == before.declarations.fingerprint, "nothing has to be reloaded"
    assert [str(each) for each in after.problems] == [
        "config/a.yaml:3:12: schedules.b.job: there is no job 'nope'; allowed are "
        + ", ".join(sorted(BUILTIN_JOBS))
    ]
    assert str(after.declarations.schedules["b"].source) == "config/a.yaml:3:3", "not the place of the copy"


def test_given_a_fault_when_everything_is_restarted_then_the_last_good_set_is_still_there(
    tmp_path: Path, state: Path
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD, "b.yaml": "jobs: {}\n"})
    current(config, state)
    restart()
    (config / "b.yaml").unlink()
    write_yard(tmp_path, {"a.yaml": "schedules:\n\tx"})
    found = current(config, state)
    assert (names(found), found.serving, len(found.problems)) == (["a", "b"], Serving.LAST_GOOD, 1)


def test_given_a_mended_fault_when_asked_then_the_files_are_in_force_again(
    tmp_path: Path, state: Path
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    current(config, state)
    write_yard(tmp_path, {"a.yaml": BAD})
    current(config, state)
    write_yard(tmp_path, {"a.yaml": BETTER})
    found = current(config, state)
    assert (names(found), found.problems, found.serving) == (["c"], (), Serving.FILES)


def test_given_a_truncated_file_when_asked_then_nothing_stops(tmp_path: Path, state: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    current(config, state)
    write_yard(tmp_path, {"a.yaml": ""})
    assert names(current(config, state)) == ["a", "b"]


def test_given_a_fault_from_the_start_when_asked_then_the_faultless_part_is_in_force(
    tmp_path: Path, state: Path
) -> None:
    config = write_yard(tmp_path, {"a.yaml": BAD, "b.yaml": "jobs:\n\t", "c.yaml": BETTER})
    found = current(config, state)
    assert (names(found), found.serving, len(found.problems)) == (["a", "c"], Serving.PART, 2)


def test_given_a_copy_of_another_folder_when_files_are_faulty_then_it_is_not_served(
    tmp_path: Path, state: Path
) -> None:
    current(write_yard(tmp_path / "one", {"a.yaml": GOOD}), state)
    restart()
    found = current(write_yard(tmp_path / "two", {"a.yaml": BAD}), state)
    assert (names(found), found.serving) == (["a"], Serving.PART)


@pytest.mark.parametrize("missing", [True, False])
def test_given_a_state_that_cannot_be_written_when_files_become_faulty_then_memory_serves(
    tmp_path: Path, missing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    if not missing:
        state.write_text("not a folder, so that it cannot be written, by root neither")
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    assert names(current(config, state)) == ["a", "b"]
    write_yard(tmp_path, {"a.yaml": BAD})
    found = current(config, state)
    assert (names(found), found.serving) == (["a", "b"], Serving.LAST_GOOD)
    assert not state.is_dir(), "asking alone starts no state"


def test_given_a_full_disk_when_files_are_good_then_they_are_in_force_and_it_is_logged(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    config = write_yard(tmp_path, {"a.yaml": GOOD})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert names(current(config, state)) == ["a", "b"]
    assert "No space left on device" in caplog.text
    assert not list((state / "declarations").glob("good-*")), "no half of a copy"
    assert not list((state / "declarations").glob(".new-*"))


def test_given_a_damaged_copy_when_files_are_faulty_then_the_faultless_part_is_in_force(
    tmp_path: Path, state: Path
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    current(config, state)
    restart()
    copy = (state / "declarations" / "last-good").resolve()
    (copy / "a.yaml").write_text("schedules: [")
    write_yard(tmp_path, {"a.yaml": BAD})
    assert current(config, state).serving is Serving.PART
    shutil.rmtree(copy)
    restart()
    assert current(config, state).serving is Serving.PART


def test_given_many_changes_when_kept_then_only_a_few_copies_stay(tmp_path: Path, state: Path) -> None:
    for number in range(1, 9):
        config = write_yard(tmp_path, {"a.yaml": f"schedules:\n  a: {{job: log_triage, every: {number}d}}\n"})
        current(config, state)
    assert len(list((state / "declarations").glob("good-*"))) == 3
    kept = state / "declarations" / "last-good"
    assert "every: 8d" in (kept / "a.yaml").read_text()


def test_given_files_that_go_back_when_kept_then_the_copy_goes_back_too(tmp_path: Path, state: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    for text in (GOOD, BETTER, GOOD):
        write_yard(tmp_path, {"a.yaml": text})
        current(config, state)
    restart()
    write_yard(tmp_path, {"a.yaml": BAD})
    assert names(current(config, state)) == ["a", "b"]


def _ask(config: Path, state: Path, rounds: int, results: multiprocessing.Queue[str]) -> None:
    logging_off = __import__("logging")
    logging_off.disable(logging_off.CRITICAL)
    try:
        for _ in range(rounds):
            found = current(config, state)
            assert found.declarations.schedules, found
        results.put("")
    except BaseException as error:
        results.put(repr(error))


def test_given_many_processes_and_a_file_that_keeps_changing_when_asked_then_all_get_a_whole_set(
    tmp_path: Path, state: Path
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    current(config, state)
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=_ask, args=(config, state, 60, results)) for _ in range(3)]
    for process in processes:
        process.start()
    number = 0
    while any(process.is_alive() for process in processes):
        number += 1
        text = BAD if number % 3 == 0 else GOOD.replace("1d", f"{number % 50 + 1}d")
        scratch = tmp_path / "scratch"
        scratch.write_text(text)
        scratch.replace(config / "a.yaml")
    assert [results.get(timeout=10) for _ in processes] == [""] * 3
    for process in processes:
        process.join(10)
    assert not list((state / "declarations").glob(".*"))


def test_given_many_threads_when_asked_at_once_then_files_are_read_once(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    reads: list[Path] = []

    def counted(folder: Path) -> sources.Sources:
        reads.append(folder)
        return read_sources(folder)

    monkeypatch.setattr(serving, "read_sources", counted)
    found: list[Current] = []
    threads = [threading.Thread(target=lambda: found.append(current(config, state))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
    assert all(each is found[0] for each in found)


def test_given_files_when_fingerprinted_then_only_names_and_contents_count(tmp_path: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD, "b.yaml": BETTER})
    first = fingerprint(config)
    assert first == read_sources(config).fingerprint
    os.utime(config / "a.yaml", (1, 1))
    (config / "notes.txt").write_text("x")
    assert fingerprint(config) == first
    (config / "b.yaml").rename(config / "c.yaml")
    assert fingerprint(config) != first
    assert fingerprint(tmp_path / "nowhere") == read_sources(tmp_path / "nowhere").fingerprint


def test_given_unchanged_files_when_fingerprinted_then_they_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    long_ago = (config / "a.yaml").stat().st_ctime_ns + 10 * sources._YOUNG_NS
    monkeypatch.setattr(sources.time, "time_ns", lambda: long_ago)
    first = fingerprint(config)

    def unread(_: Path) -> bytes:
        raise AssertionError("read again")

    monkeypatch.setattr(Path, "read_bytes", unread)
    assert fingerprint(config) == first


def test_given_names_only_when_imported_then_pydantic_is_not(tmp_path: Path) -> None:
    code = (
        "import sys, json; from scheduler_defs.declarations import fingerprint; "
        "import scheduler_defs.declarations.names; print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pydantic" not in json.loads(run.stdout)


def test_given_a_copy_that_is_half_removed_when_asked_then_it_is_not_taken_for_whole(
    tmp_path: Path, state: Path
) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD, "b.yaml": "jobs:\n  second: {command: [echo]}\n"})
    current(config, state)
    (kept,) = (state / "declarations").glob("good-*")
    (kept / "b.yaml").unlink()
    write_yard(tmp_path, {"a.yaml": BAD})

    assert serving._kept(config, state, BUILTIN_JOBS) is None
