"""Somebody's Python code runs in a process of its own, forked from a warm one, and takes all it did with it.

What it does to its process (folder, environment, umask, limits, memory, threads) nobody inherits. What it has
started ends with it, however it ends; with `keep`, what it leaves when it ends by itself stays. Three
processes:

    the worker's child   holds the lease, hears of cancellations, passes them on
      the keeper         runs no code of anybody's; inherits what loses its parent, and ends it
        the run's own    leader of a process group, no daemon: it may have children of any kind

The keeper is forked, too, and outlives a killed child for as long as it takes to end the rest. It also ends
the run when the lease is not renewed in time. The run's process group hangs on the lives of all above it: the
kernel kills it with the first of them that dies, before anybody can know, and start it again.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import socket
import sys
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from scheduler_defs.execution.guard import process as guard_process
from scheduler_defs.execution.guard.marks import TOKEN, end_marked, owner
from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.lifeline import Lifeline

PR_SET_PDEATHSIG = 1
LEFT_GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL for what a run has left running when it ended."""

_FORWARDED = (signal.SIGTERM, signal.SIGINT)
_LOOKED_AT_SECONDS = 1.0
_REPORT_BYTES = 4


@dataclass(frozen=True)
class Ending:
    """How the process ended: its exit code, negative for a signal; None when its keeper was killed."""

    code: int | None

    @property
    def said(self) -> str:
        """What to tell of a process that did not end by itself."""
        if self.code is None:
            return "its process and what kept it were killed"
        if self.code >= 0:
            return f"its process ended with code {self.code} before the run had"
        name = signal.Signals(-self.code).name
        hint = ": perhaps memory was short" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{hint}"


def run_apart(
    body: Callable[[], int],
    until: Callable[[], float],
    *,
    keep: bool = False,
    lifelines: Sequence[Lifeline] = (),
    began: Callable[[int, int], None] = lambda _keeper, _run: None,
) -> Ending:
    """Run `body` in a process of its own; its result, 0 to 255, is the exit code. Main thread only.

    SIGTERM and SIGINT to this process are passed on as SIGTERM. Work ends at `until()` (`clock.now`) at the
    latest, which moves on as the lease is renewed. Returns when nothing that `body` has started is left, or,
    to `keep` it, when `body` has returned without having been told to end.
    It dies with this process, and with those that hold `lifelines`. `began` is told the pids.
    """
    # Without it a process is not found, once a killed keeper has lost it; with it, it ends with the worker.
    token = "" if keep else f"{owner()}{uuid.uuid4().hex}"
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    ours, theirs = socket.socketpair()
    line = Lifeline()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    keeper = os.fork()
    if keeper == 0:
        ours.close()
        line.let_go()
        _keep(theirs, body, until, token, blocked, (line, *lifelines), keep=keep)
    theirs.close()
    with ours, _forwarding_to(keeper, blocked):
        began(keeper, 0)
        if (run := _received(ours)) is not None:
            began(keeper, run)
        report = _received(ours)
        os.waitpid(keeper, 0)
        began(0, 0)
    line.cut()
    if report is None:
        if token:
            end_marked(token)
        return Ending(None)
    return Ending(report)


@contextlib.contextmanager
def _forwarding_to(keeper: int, mask: Iterable[int]) -> Iterator[None]:
    def forward(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGTERM)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _received(ours: socket.socket) -> int | None:
    data = b""
    while len(data) < _REPORT_BYTES:
        try:
            part = ours.recv(_REPORT_BYTES - len(data))
        except OSError:
            return None
        if not part:
            return None
        data += part
    return int.from_bytes(data, "big", signed=True)


def _keep(
    theirs: socket.socket,
    body: Callable[[], int],
    until: Callable[[], float],
    token: str,
    mask: Iterable[int],
    lifelines: Sequence[Lifeline],
    *,
    keep: bool,
) -> NoReturn:
    """In the keeper: fork the run's own process, wait for its end, and end what it has left."""
    try:
        os.setsid()
        guard_process.prctl(guard_process.PR_SET_CHILD_SUBREAPER, 1)
        keeper = os.getpid()
        line = Lifeline()
        child = os.fork()
        if child == 0:
            theirs.close()
            line.let_go()
            _be_the_run(body, keeper, token, mask, (line, *lifelines))
        _report(theirs, child)
        _report(theirs, _Keeper(child, theirs, until, mask).watch(keep=keep))
    finally:
        os._exit(0)


def _report(theirs: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):
        theirs.sendall(number.to_bytes(_REPORT_BYTES, "big", signed=True))


class _Keeper:
    """One child, from its start until nothing of it is left."""

    def __init__(
        self, child: int, theirs: socket.socket, until: Callable[[], float], mask: Iterable[int]
    ) -> None:
        self._child = child
        self._theirs: socket.socket | None = theirs
        self._until = until
        self._code: int | None = None
        self._told = False
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _FORWARDED:
            signal.signal(number, self._pass_on)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def watch(self, *, keep: bool) -> int:
        """The child's exit code, when all is over, or what it has left may stay."""
        over = False
        while self._reap() and self._code is None:
            self._wait(_LOOKED_AT_SECONDS)
            over = over or self._theirs is None or clock.now() >= self._until()
            if over:
                self._signal_all(signal.SIGKILL)
        if keep and self._code is not None and self._code >= 0 and not (over or self._told):
            return self._code
        kill_at = clock.now() + (0.0 if over else LEFT_GRACE_SECONDS)
        give_up_at = kill_at + guard_process.UNKILLABLE_SECONDS
        asked = False
        while self._reap() and clock.now() < give_up_at:
            if clock.now() >= kill_at or self._theirs is None:
                self._signal_all(signal.SIGKILL)
            elif not asked:
                asked = True
                self._signal_all(signal.SIGTERM)
            self._wait(0.1)
        return -signal.SIGKILL if self._code is None else self._code

    def _pass_on(self, _number: int, _frame: FrameType | None) -> None:
        if self._code is None:
            self._told = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGTERM)

    def _wait(self, seconds: float) -> None:
        watched: list[int | socket.socket] = [self._woken]
        if self._theirs is not None:
            watched.append(self._theirs)
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 512)
        if self._theirs in ready:
            # The worker's child says nothing: this is its end.
            self._theirs = None

    def _reap(self) -> bool:
        """Whether anything is left, once the dead are buried."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._child:
                self._code = os.waitstatus_to_exitcode(status)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in guard_process.descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)


def _let_go() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)


def _end_when_told() -> None:
    """In what the run forks, such as the workers of a pool: Dagster's handlers are for the run alone.

    One of a pool that was told to end when it had just been forked would not have, and so nor would the pool:
    Python forgets, in a new process, which signals have come.
    """
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _let_go()


def _be_the_run(
    body: Callable[[], int], keeper: int, token: str, mask: Iterable[int], lifelines: Sequence[Lifeline]
) -> NoReturn:
    """In the run's own process. It never returns into the worker's code, whatever happens."""
    code = 1
    try:
        os.setpgid(0, 0)
        guard_process.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)
        for line in lifelines:
            line.hang_on()
        # Celery's children are daemons to multiprocessing, which lets those have no children.
        multiprocessing.current_process()._config["daemon"] = False  # pyright: ignore[reportAttributeAccessIssue]
        os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_end_when_told)
        if token:
            # Inherited by what it starts: so that is found, if the keeper is killed.
            os.environ[TOKEN] = token
        else:
            os.environ.pop(TOKEN, None)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = body()
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)
