"""Alive as a process, and of no use: ended and started again, unless that would help nobody."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler_defs.execution.dagster_patches import code_server
from scheduler_defs.stack.components import plan
from scheduler_defs.stack.health import checks
from scheduler_defs.stack.machine.record import ComponentRecord, State
from scheduler_defs.stack.supervising import minder as module
from tests.unit.stack.test_minder import Bench, component


def minded(
    folder: Path, error: Exception, until: Callable[[ComponentRecord], bool], seconds: float = 8
) -> Bench:
    """A component that is well once, and then says the same for ever, watched until something is so."""
    asked = [0]

    def ask(*_: object) -> str:
        asked[0] += 1
        if asked[0] > 1:
            raise error
        return ""

    async def story() -> Bench:
        bench = Bench(folder, component(asked_seconds=0.02, useless_after_seconds=0.1), ask)
        minding = asyncio.create_task(bench.minder.mind())
        try:
            async with asyncio.timeout(seconds):
                await bench.until(until)
        finally:
            await bench.minder.stop(5)
            await minding
        return bench

    return asyncio.run(story())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASKED_SECONDS", 0.02)


@pytest.mark.case("recovery-X-code-server-child")
@pytest.mark.case("recovery-B10")
@pytest.mark.parametrize(
    "error", [checks.NotHealthy("no answer: inner process ended"), ConnectionRefusedError("refused")]
)
def test_given_a_process_that_lives_and_does_not_serve_then_it_is_started_again(
    tmp_path: Path, error: Exception
) -> None:
    bench = minded(tmp_path, error, lambda record: record.restarts == 1)
    assert any("ended with signal SIGKILL; starts again" in item.detail for item in bench.seen)


@pytest.mark.parametrize(
    "error",
    [checks.CannotTell("the database does not answer"), checks.AnswersWithFault("schedules.yaml:1:1: no")],
)
def test_given_a_fault_that_is_not_the_processs_own_then_it_is_left_alone(
    tmp_path: Path, error: Exception
) -> None:
    with pytest.raises(TimeoutError):
        minded(tmp_path, error, lambda record: record.restarts == 1, seconds=1)


@pytest.mark.case("recovery-X-status-starved")
def test_given_a_database_that_does_not_answer_then_nothing_is_said_of_what_could_not_be_asked(
    tmp_path: Path,
) -> None:
    bench = minded(
        tmp_path, checks.CannotTell("not known"), lambda record: record.detail == "not known", seconds=5
    )
    assert not any(item.state is State.UNHEALTHY for item in bench.seen)


def test_given_no_answer_in_time_then_a_busy_machine_is_given_longer(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        minded(tmp_path, checks.NoAnswerInTime("late"), lambda record: record.restarts == 1, seconds=0.5)
    minded(tmp_path, checks.NoAnswerInTime("late"), lambda record: record.restarts == 1)


@pytest.mark.case("recovery-X-code-server-child")
def test_given_the_process_behind_the_code_server_has_ended_then_so_does_the_code_server() -> None:
    told: list[int] = []
    # None yet; one that a reload has replaced; the last one.
    ended = iter([False, True, True])
    serving = iter([True, False, False])
    pauses: list[float] = []
    code_server.end_with_what_serves(lambda: next(ended), lambda: next(serving), told.append, pauses.append)
    assert told == [1]
    assert next(ended, None) is None
    assert sum(pauses) <= 3


@pytest.mark.case("recovery-X-code-server-child")
def test_a_child_that_has_ended_is_seen_at_once_and_left_to_who_started_it() -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert code_server._is_serving()
        child.kill()
        assert code_server._child_ended()
        assert child.wait() == -signal.SIGKILL


@pytest.mark.case("recovery-X-code-server-child")
def test_what_serves_is_back_within_half_a_minute_by_the_numbers() -> None:
    server = plan._code_server(Path("/run/grpc"))
    assert server.useless_after_seconds is not None
    looks = server.asked_seconds + 2 * module.ASKED_SECONDS
    assert looks + server.useless_after_seconds + server.backoff.first_seconds < 20
    for found in (
        plan._webserver(plan.Options(), 1, "u", "", None, Path("w")),
        plan._daemon(Path("w")),
        plan.worker("w", ["q"], 1, "id"),
    ):
        assert found.useless_after_seconds is not None
