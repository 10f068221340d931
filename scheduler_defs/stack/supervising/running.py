"""`signalbox up` in the foreground and behind `--detach`, and `signalbox down`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import psutil

from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import STATE, Settings
from scheduler_defs.stack.components import plan
from scheduler_defs.stack.components.plan import Options
from scheduler_defs.stack.health import outlook
from scheduler_defs.stack.machine import exposure, folders, lock, logs, processes, record
from scheduler_defs.stack.machine.record import StackRecord
from scheduler_defs.stack.supervising import display
from scheduler_defs.stack.supervising.supervisor import Supervisor

# A descriptor in the environment of a detached supervisor: what it writes there, its starter says.
ANNOUNCE = "SIGNALBOX_ANNOUNCE_DESCRIPTOR"
# The supervisor ends everything sooner; after this it is ended with what is left, within the ten seconds.
DOWN_LIMIT_SECONDS = 7.5


class Announcement:
    """What a detached supervisor says to its starter: that it is ready, or why it will not be. Said once."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @classmethod
    def from_environment(cls) -> Announcement:
        """Takes the descriptor out of the environment, so that no component inherits its number."""
        number = os.environ.pop(ANNOUNCE, None)
        return cls(int(number) if number else None)

    def say(self, text: str) -> None:
        """Say it, if there is a starter that listens, and nothing afterwards."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError), os.fdopen(self._descriptor, "w") as pipe:
            pipe.write(text)
        self._descriptor = None

    def after(self, show: display.Display) -> display.Display:
        """A display that also announces readiness."""

        def shown(found: StackRecord) -> None:
            show(found)
            if found.ready:
                self.say("ready")

        return shown


def run(where: Settings, options: Options, announcement: Announcement) -> None:
    """Run the stack until told to stop. Raises SignalboxError when it cannot start."""
    if not where.config.is_dir():
        raise SignalboxError(f"{where.config}: no such folder; --config names the folder of the declarations")
    exposure.refuse_without_login(options.host, login=lambda: options.without_login or _asks_who_comes(where))
    folders.create_state(where.state)
    with lock.acquire(where.state):
        left = left_by_a_stack(where.state)
        if left is not None and (ended := processes.end_leftovers(left)):
            sys.stderr.write(f"signalbox: ended {len(ended)} processes of a stack that was killed\n")
        # Folders of commands whose guards were killed with all the rest: nobody works in them any more.
        shutil.rmtree(where.state / "work", ignore_errors=True)
        with contextlib.closing(plan.make(where, options)) as planned:
            if sys.stdout.isatty():
                with (
                    outlook.Refreshed(lambda: outlook.read(where, planned.exports)) as latest,
                    display.live(latest) as show,
                ):
                    asyncio.run(Supervisor(planned, show).run())
            else:
                asyncio.run(Supervisor(planned, announcement.after(display.Lines())).run())


def _asks_who_comes(where: Settings) -> bool:
    # Loaded where it is asked for: the supervisor lives as long as the stack, and is small.
    from scheduler_defs.declarations import current
    from scheduler_defs.declarations.models.access import Mode

    return current(where.config, where.state).declarations.access.mode is not Mode.LOCAL


def left_by_a_stack(state: Path) -> StackRecord | None:
    """The record of the stack that ran, or runs, on this very folder.

    In a copy of a state folder lies the record of the original, whose processes are not ours to end.
    """
    found = record.read(state)
    return found if found is not None and found.exports.get(STATE) == str(state) else None


def detach(where: Settings, options: Options) -> StackRecord:
    """Start the supervisor as a process of its own, and wait until all is ready.

    Raises SignalboxError with what the supervisor says when it fails.
    """
    folders.create_state(where.state)
    reading, writing = os.pipe()
    log = logs.open_for_component(where.logs, "supervisor")
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scheduler_defs.stack.supervising", json.dumps(asdict(options))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, ANNOUNCE: str(writing)},
            pass_fds=(writing,),
            start_new_session=True,
        )
    finally:
        os.close(writing)
        os.close(log)
    try:
        with os.fdopen(reading) as announcements:
            said = announcements.read().strip()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    found = record.read(where.state)
    if said != "ready" or found is None:
        process.wait()
        raise SignalboxError(said or f"the stack did not start; see {logs.path_of(where.logs, 'supervisor')}")
    return found


def down(where: Settings) -> bool:
    """End the stack of the state folder, and what a killed supervisor has left; False when nothing ran.

    Returns when every process is gone, within ten seconds.
    """
    pid = lock.holder(where.state)
    found = left_by_a_stack(where.state)
    if pid:
        supervisor = psutil.Process(pid)
        supervisor.terminate()
        if not processes.ends_within(supervisor, DOWN_LIMIT_SECONDS):
            supervisor.kill()
            processes.ends_within(supervisor, 2)
    ended = processes.end_leftovers(found, grace_seconds=1.0) if found is not None else []
    if lock.holder(where.state) is None:
        record.remove(where.state)
    return pid is not None or bool(ended)
