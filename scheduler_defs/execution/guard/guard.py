"""Run an external command under a guard: a small process that ends it when it must not go on.

The guard (`process.py`) kills the whole process tree of the command, those who have left their session
included, when the time is up, when the worker is dead, and when the worker's lease is lost because it is
frozen or cut off. What the worker knows of its lease is forwarded to the guard while it waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from importlib.util import cache_from_source
from pathlib import Path
from types import TracebackType
from typing import Self

from scheduler_defs.execution.guard import process as guard_process
from scheduler_defs.execution.guard.marks import TOKEN, end_marked, owner
from scheduler_defs.execution.guard.outcome import Ending, Outcome, reported
from scheduler_defs.execution.guard.starting import NotStartedError, Start
from scheduler_defs.execution.leases import guards as guard_registry

_COMPILED = Path(cache_from_source(guard_process.__file__))
GUARD_PROCESS = _COMPILED if _COMPILED.exists() else Path(guard_process.__file__)
"""The guard's file: compiled, where Python could keep it so, because that starts faster."""

TIMEOUT_GRACE = timedelta(seconds=0.75)
"""Between SIGTERM and SIGKILL when the time is up: after a deadline the command is gone within a second."""

DEFAULT_GRACE = timedelta(seconds=10)

_TICK_SECONDS = 1.0
# The guard itself gives up after 30 s with processes that cannot be killed.
_GUARD_OVERDUE_SECONDS = 40.0
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


def lease_until() -> float | None:
    """When this process must have stopped if its lease is not renewed (`execution.life.clock.now`)."""
    from scheduler_defs.execution.leases.current import current_lease  # with it comes SQLAlchemy

    lease = current_lease()
    return None if lease is None else lease.expires


def run_guarded(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str | Path | None = None,
    timeout: timedelta | None = None,
    grace: timedelta = DEFAULT_GRACE,
    timeout_grace: timedelta | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    on_tick: Callable[[], None] | None = None,
    tick: timedelta = timedelta(seconds=_TICK_SECONDS),
    until: Callable[[], float | None] = lease_until,
    label: str = "command",
) -> Outcome:
    """Run a command to its end, and return when nothing of it is left.

    Its environment is `env` and nothing else, its stdin is empty. `stdout` and `stderr` are file descriptors;
    None is ours. `timeout_grace` is the grace when the time is up; None: the usual short one. `on_tick` is
    called about every `tick` while it runs. An exception in the waiting thread, such as an interrupt because
    the run was cancelled, passes on at once: the guard ends the command by itself, SIGTERM first and SIGKILL
    after `grace`.

    Raises NotStartedError, in one line, when the command cannot be started.
    """
    command = Guarded(
        argv,
        env=env,
        cwd=cwd,
        timeout=timeout,
        grace=grace,
        timeout_grace=timeout_grace,
        stdout=stdout,
        stderr=stderr,
        until=until,
        label=label,
    )
    with command:
        return command.wait(on_tick, tick)


class Guarded:
    """A running command. As a context manager it cancels the command when it is left before its end.

    `scratch` is a folder of the command's own. The guard removes it once nothing of the command is left and
    this context is, however it is left: also when the worker is dead by then.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | Path | None = None,
        timeout: timedelta | None = None,
        grace: timedelta = DEFAULT_GRACE,
        timeout_grace: timedelta | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        scratch: Path | None = None,
        until: Callable[[], float | None] = lease_until,
        label: str = "command",
    ) -> None:
        self._token = f"{owner()}{uuid.uuid4().hex}"
        self._start = Start(argv, {**env, TOKEN: self._token}, cwd)
        arguments, variables = self._start.arguments(), self._start.variables()
        self.pid: int | None = None
        """The command's pid, session and process group; None until the guard has said so."""
        self._timeout = timeout
        self._scratch = scratch
        self._lease_until = until
        self._told = until()
        self._began = time.monotonic()
        self._buffer = b""
        self._ended = False
        self._lock = threading.Lock()
        orders = {
            "argv": arguments,
            "env": variables,
            "cwd": None if cwd is None else os.fsencode(cwd),
            "timeout": None if timeout is None else timeout.total_seconds(),
            "grace": grace.total_seconds(),
            "timeout_grace": min(
                grace, TIMEOUT_GRACE if timeout_grace is None else timeout_grace
            ).total_seconds(),
            "until": self._told,
            "parent": os.getpid(),
            "scratch": None if scratch is None else os.fsencode(scratch),
        }
        self._socket, theirs = _socketpair()
        with theirs:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", GUARD_PROCESS, str(theirs.fileno()), label],
                env={name: os.environ[name] for name in _LIBRARY_PATHS if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        guard_registry.add(self)
        packed = marshal.dumps(orders)
        self._send(len(packed).to_bytes(4, "big") + packed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        guard_registry.discard(self)
        if self._ended:
            self._socket.close()
        else:
            self.cancel()
        if self._guard.poll() is None:
            # It keeps to the grace, or clears up. Nobody waits for that, but it must not become a zombie, and
            # as long as we live it must not take us for dead.
            threading.Thread(target=self._reap, name="guard-reaper", daemon=True).start()
        else:
            self._socket.close()

    def _reap(self) -> None:
        self._guard.wait()
        self._socket.close()

    @property
    def root(self) -> int:
        """The guard's pid: everything of the command is below it."""
        return self._guard.pid

    def beat(self, until: float | None = None) -> None:
        """The lease lasts until this instant (`execution.life.clock.now`); None: ask for it."""
        instant = self._lease_until() if until is None else until
        if instant is not None and instant != self._told:
            self._told = instant
            self._send(b"B %r\n" % instant)

    def cancel(self) -> None:
        """Ask the command to end: SIGTERM, and SIGKILL after the grace."""
        self._send(b"C\n")

    def end(self) -> None:
        """Cancel the command, and return when nothing of it is left, however often we are interrupted."""
        self.cancel()
        while not self._ended:
            try:
                self.wait()
            except OSError:
                return
            except BaseException:  # noqa: S112 - told once more to stop, as we are about to
                continue

    def wait(self, on_tick: Callable[[], None] | None = None, tick: timedelta | None = None) -> Outcome:
        """Wait for the end of the command, and keep its guard informed about the lease."""
        seconds = _TICK_SECONDS if tick is None else min(tick.total_seconds(), _TICK_SECONDS)
        while True:
            self.beat()
            ready, _, _ = select.select([self._socket], [], [], seconds)
            outcome = self._read() if ready else self._presume_lost()
            if outcome is not None:
                self._ended = True
                if self._scratch is None:
                    self._guard.wait()
                return outcome
            if on_tick is not None:
                on_tick()

    def _read(self) -> Outcome | None:
        try:
            data = self._socket.recv(4096)
        except OSError:
            data = b""
        if not data:
            return self._lost()
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            word, *fields = line.decode().split()
            if word == "S":
                self.pid = int(fields[0])
            elif word == "E":
                self._ended = True
                raise NotStartedError(self._start.why_not(fields[0], int(fields[1])))
            else:
                return reported(*fields)
        return None

    def _presume_lost(self) -> Outcome | None:
        """A guard that is frozen cannot keep the deadline."""
        if self._timeout is None:
            return None
        overdue = time.monotonic() - self._began - self._timeout.total_seconds()
        return self._lost() if overdue > _GUARD_OVERDUE_SECONDS else None

    def _lost(self) -> Outcome:
        """The guard was killed: end here what it can end no more."""
        self._guard.kill()
        if self.pid is not None:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        end_marked(self._token)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        return Outcome(Ending.LOST, None, None, timedelta(seconds=time.monotonic() - self._began), 0)

    def _send(self, data: bytes) -> None:
        # A guard that is gone is noticed where its words are read.
        with self._lock, contextlib.suppress(OSError):
            self._socket.sendall(data)


def _socketpair() -> tuple[socket.socket, socket.socket]:
    """Two ends; theirs is not one of the file descriptors 0 to 2, which a worker may have closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        return ours, socket.socket(fileno=fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))
