"""Somebody's code in a process of its own: how it ends, and what is left of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.lifeline import Lifeline
from scheduler_defs.execution.worker.running import apart
from scheduler_defs.execution.worker.running.condition import condition
from scheduler_defs.execution.worker.running.run import end_if_changed
from tests.patience import wait_until


def never() -> float:
    return clock.now() + 3600


def test_given_a_result_then_it_is_the_code_and_changes_stay_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEFT", "before")

    def body() -> int:
        os.chdir("/")
        os.environ["LEFT"] = "after"
        return 7 if os.getpgid(0) == os.getpid() else 1

    before = condition()
    assert apart.run_apart(body, never) == apart.Ending(7)
    assert condition() == before


def test_given_an_error_or_a_signal_then_that_is_how_it_ended() -> None:
    def broken() -> int:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
        raise SystemExit(0)

    def killed() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert apart.run_apart(broken, never).code == 1
    ending = apart.run_apart(killed, never)
    assert ending.code == -signal.SIGKILL
    assert ending.said == "its process was ended by SIGKILL: perhaps memory was short"


@pytest.mark.case("dagster-X-op-children")
def test_given_processes_left_behind_then_they_are_gone_when_it_returns(tmp_path: Path) -> None:
    said = tmp_path / "pids"

    def body() -> int:
        started = [subprocess.Popen(["sleep", "300"], start_new_session=own) for own in (False, True)]
        said.write_text(" ".join(str(each.pid) for each in started))
        return 0

    assert apart.run_apart(body, never).code == 0
    assert not any(psutil.pid_exists(int(pid)) for pid in said.read_text().split())


def starts_a_process(said: Path, lives: float, ends: int = 0) -> Callable[[], int]:
    def body() -> int:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
        started = subprocess.Popen(["sleep", "300"], start_new_session=True)
        unfinished = said.with_suffix(".new")
        unfinished.write_text(str(started.pid))
        unfinished.rename(said)
        time.sleep(lives)
        return ends

    return body


@pytest.mark.parametrize("code", [0, 3])
def test_given_what_is_meant_to_stay_when_the_run_ends_by_itself_then_it_stays_without_a_mark(
    tmp_path: Path, code: int
) -> None:
    said = tmp_path / "pid"
    assert apart.run_apart(starts_a_process(said, 0, code), never, keep=True).code == code
    with left(said) as process:
        assert process.is_running()
        assert apart.TOKEN not in process.environ()


def test_given_what_is_meant_to_stay_when_the_run_is_told_to_end_or_is_too_late_then_it_ends_with_it(
    tmp_path: Path,
) -> None:
    def send() -> None:
        wait_until((tmp_path / "told").exists)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=send)
    thread.start()
    assert apart.run_apart(starts_a_process(tmp_path / "told", 60), never, keep=True).code in (1, 5)
    thread.join()

    def over() -> float:
        return clock.now() + (-1 if (tmp_path / "late").exists() else 60)

    assert apart.run_apart(starts_a_process(tmp_path / "late", 60), over, keep=True).code == -signal.SIGKILL
    for said in ("told", "late"):
        assert not psutil.pid_exists(int((tmp_path / said).read_text()))


@contextlib.contextmanager
def left(said: Path) -> Iterator[psutil.Process]:
    process = psutil.Process(int(said.read_text()))
    try:
        yield process
    finally:
        process.kill()


def test_given_a_signal_then_it_is_passed_on() -> None:
    def body() -> int:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
        time.sleep(60)
        return 0

    handler = signal.getsignal(signal.SIGTERM)
    children = set(psutil.Process().children())

    def send() -> None:
        wait_until(lambda: any(each.children() for each in set(psutil.Process().children()) - children))
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=send)
    thread.start()
    assert apart.run_apart(body, never).code == 5
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is handler


def test_given_a_lease_that_is_over_then_so_is_the_code() -> None:
    def body() -> int:
        time.sleep(60)
        return 0

    over = clock.now() + 0.2
    assert apart.run_apart(body, lambda: over).code == -signal.SIGKILL


@pytest.mark.case("dagster-X-soiled-worker")
def test_given_a_run_that_changed_the_warm_process_then_it_ends_and_names_no_value(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    before = condition()
    end_if_changed("r1", before)
    monkeypatch.setenv("SOME_TOKEN", "abc123")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        end_if_changed("r1", before)
    assert "run r1 has changed its worker's process (folder, variable SOME_TOKEN): it ends" in caplog.text
    assert "abc123" not in caplog.text


def group_of_run(folder: Path) -> list[int]:
    wait_until(lambda: (folder / "pids").exists() and len((folder / "pids").read_text().split()) == 2)
    return [int(pid) for pid in (folder / "pids").read_text().split()]


@pytest.mark.parametrize("killed", ["holder", "child", "keeper"])
def test_given_the_death_of_one_above_the_run_then_its_whole_group_dies_though_the_keeper_is_frozen(
    tmp_path: Path, killed: str
) -> None:
    def body() -> int:
        other = os.fork()
        if other != 0:
            (tmp_path / "pids").write_text(f"{os.getpid()} {other}")
        time.sleep(60)
        return 0

    line = Lifeline()
    child = os.fork()
    if child == 0:
        line.let_go()
        apart.run_apart(body, never, lifelines=[line])
        os._exit(0)
    group = [psutil.Process(pid) for pid in group_of_run(tmp_path)]
    (keeper,) = psutil.Process(child).children()
    keeper.suspend()
    try:
        if killed == "holder":
            line.cut()
        else:
            (keeper if killed == "keeper" else psutil.Process(child)).kill()
        wait_until(lambda: not any(each.is_running() and each.status() != "zombie" for each in group))
    finally:
        for each in (keeper, psutil.Process(child)):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        os.waitpid(child, 0)


def test_given_a_holder_that_is_dead_already_then_who_hangs_on_dies() -> None:
    line = Lifeline()
    line.let_go()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        line.hang_on()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
