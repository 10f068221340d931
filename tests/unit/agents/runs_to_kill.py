"""Agent runs in processes of their own, so that tests can kill them at any moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from threading import Event
from typing import Any

import psutil
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.agents.deciding.healing import RunState
from scheduler_defs.agents.pool.assignments import Assignment
from scheduler_defs.agents.tick.requests import run_request
from tests.patience import wait_until
from tests.standins.tinytask import TinyTaskServer
from tests.unit.agents.bench import Bench

# One process imports Dagster once; each run is a fork of it.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.unit.agents.warm_runs"])
_DEADLINE_SECONDS = 60.0


def execute(environment: Mapping[str, str], run_id: str, run_config: Any, tags: Mapping[str, str]) -> None:
    """Execute the agent job, in the process that this is called in."""
    import dagster as dg

    from resources import declared_resources
    from scheduler_defs.agents.working.job import agent_task
    from scheduler_defs.declarations import current
    from scheduler_defs.settings import settings

    os.environ.clear()
    os.environ.update(environment)
    from dagster._utils.interrupts import capture_interrupts

    with capture_interrupts(), suppress(dg.DagsterExecutionInterruptedError):  # as a worker's child does
        agent_task.execute_in_process(
            run_config=run_config,
            tags=dict(tags),
            run_id=run_id,
            instance=dg.DagsterInstance.ephemeral(),
            raise_on_error=False,
            resources=declared_resources(current(settings().config, settings().state).declarations),
        )


@dataclass
class RunToKill:
    """A run in its process. What Dagster would say of it is put into `bench.runs`."""

    bench: Bench
    request: Assignment
    run_id: str
    process: BaseProcess

    def kill(self) -> None:
        """SIGKILL; Dagster's run monitoring finds out, and fails the run."""
        os.kill(self.process.pid or 0, signal.SIGKILL)
        self.process.join(_DEADLINE_SECONDS)
        self._say(RunState.FAILED, "worker_lost")

    def interrupt(self) -> None:
        """SIGTERM, as for a run that was cancelled or deleted, or whose worker is told to stop."""
        os.kill(self.process.pid or 0, signal.SIGTERM)

    def finish(self, state: RunState = RunState.SUCCEEDED) -> None:
        """Wait for the end of the run."""
        self.process.join(_DEADLINE_SECONDS)
        assert self.process.exitcode == 0
        self._say(state)

    def assignment(self) -> Assignment:
        """The request as it is noted now."""
        (found,) = (live for live in self.bench.live() if live.run_key == self.request.run_key)
        return found

    def _say(self, state: RunState, failure: str | None = None) -> None:
        self.bench.runs.put(self.run_id, state, key=self.request.run_key, failure=failure)


class Signals:
    """Files by which a test follows and releases the agent's command."""

    def __init__(self, bench: Bench) -> None:
        self.marks = bench.folder / "marks"
        self.go = bench.folder / "go"
        script = 'echo "begin $$" >> "$0"; while [ ! -e "$1" ]; do sleep 0.02; done; echo end >> "$0"'
        bench.declare(["sh", "-c", script, str(self.marks), str(self.go)])

    def seen(self) -> list[str]:
        """`begin` and `end` in the order in which they happened, of all runs."""
        return [line.split()[0] for line in self._lines()]

    def wait_for(self, *wanted: str) -> None:
        wait_until(lambda: self.seen() == list(wanted), seconds=_DEADLINE_SECONDS)

    def wait_until_gone(self) -> None:
        """Until no command lives any more."""
        pids = [int(line.split()[1]) for line in self._lines() if line.startswith("begin")]
        wait_until(lambda: not any(map(psutil.pid_exists, pids)))

    def release(self) -> None:
        self.go.touch()

    def _lines(self) -> list[str]:
        return self.marks.read_text().splitlines() if self.marks.exists() else []


def start(bench: Bench, request: Assignment | None = None) -> RunToKill:
    """A run for what the next pass asks for, or for `request`, in a process of its own."""
    wanted = request or bench.request()
    asked = run_request(bench.declarations, wanted)
    assert asked is not None
    run_id = str(uuid.uuid4())
    bench.runs.put(run_id, RunState.UNFINISHED, key=wanted.run_key)
    process = _context.Process(
        target=execute, args=(dict(os.environ), run_id, asked.run_config, asked.tags), daemon=True
    )
    process.start()
    return RunToKill(bench, wanted, run_id, process)


@contextmanager
def task_held(id: int, server: TinyTaskServer, method: str = "") -> Iterator[Event]:
    """Nothing about the task is answered, in either task queue, until the end of the block.

    In TinyTask only requests with this method are held, if one is given. The event is set once one waits.
    """
    released, waiting = Event(), Event()

    def hold(asked: str, path: str) -> None:
        if f"/tasks/{id}" in path and asked.startswith(method):
            waiting.set()
            released.wait(_DEADLINE_SECONDS)

    server.before_answer = hold
    try:
        with database.engine().begin() as connection:
            connection.execute(sa.text("SELECT FROM signalbox.tasks WHERE id = :id FOR UPDATE"), {"id": id})
            yield waiting
    finally:
        server.before_answer = None
        released.set()
