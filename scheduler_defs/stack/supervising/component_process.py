"""The process of one component: started, ended within a limit, and what it has left behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from scheduler_defs.stack.components.component import Component
from scheduler_defs.stack.forking.asking import Forks, Process
from scheduler_defs.stack.forking.marks import LONGEST_NAME
from scheduler_defs.stack.forking.messages import Order
from scheduler_defs.stack.machine import environment, logs, processes
from scheduler_defs.stack.machine.spawning import in_child


class ComponentProcess:
    """At most one process at a time. Everything but `sweep` runs on the supervisor's event loop."""

    def __init__(
        self,
        component: Component,
        stack_id: str,
        exports: Mapping[str, str],
        folder: Path,
        forks: Forks | None = None,
    ) -> None:
        self._component = component
        self._stack_id = stack_id
        self._exports = exports
        self._folder = folder
        self._forks = forks
        self._process: Process | None = None
        self.started: float | None = None
        """When the last one was started, as the kernel has it."""

    @property
    def pid(self) -> int | None:
        """Also of one that has ended, until it is forgotten."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended, as far as is known."""
        return self._process is not None and self._process.returncode is None

    async def start(self, argv: tuple[str, ...]) -> asyncio.Task[int]:
        """The task ends with the process, and gives its exit code."""
        name = self._component.name
        variables = environment.of_component(self._exports, self._stack_id, name)
        variables |= self._component.variables
        log = logs.open_for_component(self._folder, name)
        try:
            process = await self._forked(argv, variables, log)
            # On the main thread: the death signal is tied to the thread that starts the process.
            self._process = process or await asyncio.create_subprocess_exec(
                *argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._component.cwd,
                env=variables,
                start_new_session=True,
                preexec_fn=in_child(self._component.account, self._component.death_signal),
            )
        finally:
            os.close(log)
        try:
            self.started = psutil.Process(self._process.pid).create_time()
        except psutil.Error:
            self.started = time.time()
        return asyncio.create_task(self._process.wait())

    async def _forked(self, argv: tuple[str, ...], variables: dict[str, str], log: int) -> Process | None:
        component = self._component
        mark = variables[environment.COMPONENT]
        if self._forks is None or not component.forked or component.cwd is None:
            return None
        if len(mark) > LONGEST_NAME:
            return None
        at = argv.index("-m")
        order = Order(
            words=argv[at + 1 :],
            variables=variables,
            folder=str(component.cwd),
            death_signal=component.death_signal,
            component=mark,
            supervisor=os.getpid(),
            imports_here="-P" not in argv[:at],
        )
        return await self._forks.start(order, log)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.kill()

    async def end(self, limit_seconds: float) -> None:
        """End it with the component's signals, and by force when the limit is over."""
        process = self._process
        assert process is not None
        ending = asyncio.create_task(process.wait())
        begun = time.monotonic()
        for step in self._component.stop_signals:
            await asyncio.wait({ending}, timeout=begun + step.after_seconds - time.monotonic())
            if ending.done():
                break
            process.send_signal(step.number)
        await asyncio.wait({ending}, timeout=begun + limit_seconds - time.monotonic())
        if not ending.done():
            process.kill()
        await ending

    def forget(self) -> None:
        """It has ended, and the next is not there yet."""
        self._process = None

    def sweep(self, grace_seconds: float) -> None:
        """End what the process has left behind: children of a killed parent, for example."""
        left = processes.marked(self._stack_id, self._component.name)
        processes.end(left, grace_seconds=grace_seconds)
