"""Short processes that a stack needs now and then: the migrations, the list of declared queues."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import INSTALLATION
from scheduler_defs.stack.machine import environment, logs
from scheduler_defs.stack.machine.record import ComponentRecord, State
from scheduler_defs.stack.machine.spawning import in_child
from scheduler_defs.stack.supervising.minder import StackContext, now


class OneShots:
    """Runs them, and knows those that are running."""

    def __init__(self, stack: StackContext) -> None:
        self._stack = stack
        self._running: dict[str, ComponentRecord] = {}

    def records(self) -> list[ComponentRecord]:
        """Those that run now, as components that start."""
        return list(self._running.values())

    async def run(self, name: str, module: str, *arguments: str) -> bytes:
        """Run `python -m module arguments` with the stack's environment; what it printed on stdout.

        Raises SignalboxError, with the end of its log, when it fails.
        """
        log = logs.open_for_component(self._stack.logs, name)
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=INSTALLATION,
                env=environment.of_component(self._stack.exports, self._stack.id, name),
                start_new_session=True,
                preexec_fn=in_child(None, signal.SIGTERM),
            )
        finally:
            os.close(log)
        self._running[name] = ComponentRecord(
            name, State.STARTING, process.pid, time.time(), now(), 0, "", ""
        )
        self._stack.changed()
        try:
            printed, _ = await process.communicate()
        finally:
            del self._running[name]
            self._stack.changed()
        if process.returncode != 0:
            if said := printed.decode(errors="replace").strip():
                raise SignalboxError(said)
            file = logs.path_of(self._stack.logs, name)
            raise SignalboxError(
                f"{name} ended with exit code {process.returncode}; "
                f"{file} ends with: {' | '.join(logs.last_lines(file))}"
            )
        return printed
