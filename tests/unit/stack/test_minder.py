"""One component's life, with real processes: `sleep` and shells stand for the component."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from scheduler_defs.errors import NotReachableError, SignalboxError
from scheduler_defs.stack.components.component import Component, StopPhase, StopSignal
from scheduler_defs.stack.health.checks import NotHealthy
from scheduler_defs.stack.machine import processes
from scheduler_defs.stack.machine.backoff import Backoff
from scheduler_defs.stack.machine.record import ComponentRecord, State
from scheduler_defs.stack.supervising import minder as module
from scheduler_defs.stack.supervising.minder import Minder, StackContext

QUICK = Backoff(first_seconds=0.05)
DEADLINE_SECONDS = 15.0


def always_well(*_: object) -> str:
    return "fine"


class Bench:
    """A minder on a bench: every state that it reported, and a way to wait for one."""

    def __init__(self, folder: Path, component: Component, ask: Callable[..., str] = always_well) -> None:
        self.seen: list[ComponentRecord] = []
        self.context = StackContext(
            f"test-{os.getpid()}-{time.monotonic_ns()}",
            {},
            folder,
            {component.name: asyncio.Event(), "needed": asyncio.Event()},
            self._note,
            ask,
        )
        self.minder = Minder(component, self.context, QUICK)

    def _note(self) -> None:
        self.seen.append(self.minder.record())

    async def until(self, wanted: Callable[[ComponentRecord], bool]) -> ComponentRecord:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not wanted(self.minder.record()):
            assert time.monotonic() < deadline, self.seen
            await asyncio.sleep(0.01)
        return self.minder.record()


def component(*argv: str, **more: object) -> Component:
    return Component("thing", argv or ("sleep", "60"), (), "here", StopPhase.USERS, **more)  # type: ignore[arg-type]


def healthy(record: ComponentRecord) -> bool:
    return record.state is State.HEALTHY


def test_when_a_component_answers_then_it_is_healthy_and_ready(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, component())
        minding = asyncio.create_task(bench.minder.mind())
        record = await bench.until(healthy)
        assert record.detail == "fine"
        assert record.pid is not None
        assert bench.minder.ready.is_set()
        await bench.minder.stop(5)
        await minding
        assert not psutil.pid_exists(record.pid)
        assert [item.state for item in bench.seen] == [
            State.STARTING,
            State.HEALTHY,
            State.STOPPING,
            State.STOPPED,
        ]

    asyncio.run(story())


def test_given_a_need_that_is_not_ready_then_nothing_is_started(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, Component("thing", ("sleep", "60"), ("needed",), "", StopPhase.USERS))
        minding = asyncio.create_task(bench.minder.mind())
        for _ in range(20):
            await asyncio.sleep(0)
        assert bench.minder.record().state is State.WAITING
        assert bench.minder.record().pid is None
        bench.context.ready["needed"].set()
        await bench.until(healthy)
        await bench.minder.stop(5)
        await minding

    asyncio.run(story())


def test_given_a_healthy_component_when_it_is_killed_then_it_comes_back_and_that_is_shown(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, component())
        minding = asyncio.create_task(bench.minder.mind())
        first = await bench.until(healthy)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        second = await bench.until(lambda record: healthy(record) and record.restarts == 1)
        assert second.pid != first.pid
        assert any(
            item.state is State.RESTARTING and "ended with signal SIGKILL; starts again" in item.detail
            for item in bench.seen
        )
        await bench.minder.stop(5)
        await minding

    asyncio.run(story())


def test_given_a_component_that_stops_answering_then_it_is_unhealthy_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASKED_SECONDS", 0.02)
    well = [True]

    def ask(*_: object) -> str:
        if not well[0]:
            raise NotHealthy("on strike\nfor days")
        return ""

    async def story() -> None:
        bench = Bench(tmp_path, component(asked_seconds=0.02), ask)
        minding = asyncio.create_task(bench.minder.mind())
        await bench.until(healthy)
        well[0] = False
        record = await bench.until(lambda record: record.state is State.UNHEALTHY)
        assert record.detail == "on strike"
        assert record.restarts == 0
        well[0] = True
        await bench.until(healthy)
        await bench.minder.stop(5)
        await minding

    asyncio.run(story())


def test_given_a_component_that_never_gets_ready_then_starting_fails_with_the_end_of_its_log(
    tmp_path: Path,
) -> None:
    def never(*_: object) -> str:
        raise NotHealthy("not yet")

    async def story() -> None:
        bench = Bench(tmp_path, component("sh", "-c", "echo no such thing >&2; exit 3"), never)
        with pytest.raises(
            SignalboxError, match=r"thing ended 3 times, with exit code 3, before .*no such thing"
        ):
            await bench.minder.mind()
        await bench.minder.stop(1)

    asyncio.run(story())


def test_given_somebody_elses_service_that_is_away_then_it_is_reported_as_not_reachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REACH_LIMIT_SECONDS", 0.0)

    def away(*_: object) -> str:
        raise OSError("connection refused")

    async def story() -> None:
        bench = Bench(tmp_path, Component("thing", None, (), "db.example", StopPhase.STORAGE), away)
        with pytest.raises(NotReachableError, match=r"thing at db\.example: connection refused"):
            await bench.minder.mind()

    asyncio.run(story())


def test_given_steps_of_stopping_then_each_signal_comes_at_its_time_and_kill_at_the_end(
    tmp_path: Path,
) -> None:
    script = "trap 'echo term' TERM; trap 'echo quit' QUIT; echo set; while :; do sleep 0.02; done"

    async def story() -> float:
        signals = (StopSignal(signal.SIGTERM), StopSignal(signal.SIGQUIT, after_seconds=0.2))
        bench = Bench(tmp_path, component("sh", "-c", script, stop_signals=signals), trap_is_set)
        minding = asyncio.create_task(bench.minder.mind())
        await bench.until(healthy)
        begun = time.monotonic()
        await bench.minder.stop(0.6)
        await minding
        return time.monotonic() - begun

    def trap_is_set(*_: object) -> str:
        if "set" not in (tmp_path / "thing.log").read_text():
            raise NotHealthy("starting")
        return ""

    assert 0.6 <= asyncio.run(story()) < 5
    assert (tmp_path / "thing.log").read_text().split() == ["set", "term", "quit"]


def test_given_grandchildren_in_sessions_of_their_own_when_it_dies_then_they_end_before_its_next_start(
    tmp_path: Path,
) -> None:
    script = "setsid sleep 61 & setsid sleep 62 & wait"

    async def story() -> None:
        bench = Bench(tmp_path, component("sh", "-c", script))
        minding = asyncio.create_task(bench.minder.mind())
        await bench.until(lambda _: len(processes.marked(bench.context.id)) == 3)
        old = processes.marked(bench.context.id)
        record = bench.minder.record()
        assert record.pid is not None
        os.kill(record.pid, signal.SIGKILL)
        await bench.until(
            lambda record: record.restarts == 1 and len(processes.marked(bench.context.id)) == 3
        )
        assert all(processes.ends_within(process, 0) for process in old)
        await bench.minder.stop(5)
        await minding
        processes.end(processes.marked(bench.context.id), grace_seconds=5)

    asyncio.run(story())


def test_given_a_component_that_waits_for_its_next_start_when_it_is_stopped_then_that_is_at_once(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, component("sh", "-c", "sleep 0.2"))
        bench.minder = Minder(bench.minder.component, bench.context, Backoff(first_seconds=600))
        minding = asyncio.create_task(bench.minder.mind())
        await bench.until(lambda record: record.state is State.RESTARTING)
        await bench.minder.stop(5)
        await minding
        assert bench.minder.record().state is State.STOPPED

    asyncio.run(story())
