"""Minding one component: start it, wait until it answers, watch it, start it again when it ends."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.errors import NotReachableError, SignalboxError
from scheduler_defs.stack.components.component import Component
from scheduler_defs.stack.forking.asking import Forks
from scheduler_defs.stack.health import checks
from scheduler_defs.stack.machine import logs
from scheduler_defs.stack.machine.backoff import Backoff
from scheduler_defs.stack.machine.record import ComponentRecord, State
from scheduler_defs.stack.supervising.component_process import ComponentProcess
from scheduler_defs.stack.supervising.start_limit import StartLimit

# How often a component is asked while it starts, and when it is not healthy any more.
FIRST_ASKED_SECONDS = 0.1
ASKED_SECONDS = 3.0
# A machine that is too busy to answer in time is not helped by more to start.
NO_ANSWER_FACTOR = 6
REACH_LIMIT_SECONDS = 15.0
# A component that ends this often before it was ever ready will not become ready by trying again.
HOPELESS_AFTER = 3
CHECK_LIMIT_SECONDS = 15.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StackContext:
    """What all minders of a stack share.

    `changed` is called after every change of state. `ask(name, exports, pid, started)` says whether a
    component is healthy, as `checks.check` does. `forks`: who forks processes; None: each is started.
    """

    id: str
    exports: dict[str, str]
    logs: Path
    ready: dict[str, asyncio.Event]
    changed: Callable[[], None]
    ask: Callable[[str, dict[str, str], int | None, float | None], str] = checks.check
    forks: Forks | None = None


class Minder:
    """The life of one component. Everything runs on the supervisor's event loop, checks in threads."""

    def __init__(self, component: Component, stack: StackContext, backoff: Backoff | None = None) -> None:
        self.component = component
        self.restarts = 0
        self._stack = stack
        self._backoff = backoff or component.backoff
        self._state = State.WAITING
        self._since = now()
        self._detail = ""
        self._process = ComponentProcess(component, stack.id, stack.exports, stack.logs, stack.forks)
        self._ready_at: float | None = None
        self._useless_since: float | None = None
        self._limit = StartLimit()
        self._stopping = asyncio.Event()

    @property
    def ready(self) -> asyncio.Event:
        """Set once the component has answered for the first time."""
        return self._stack.ready[self.component.name]

    @property
    def state(self) -> State:
        """What the component is doing."""
        return self._state

    @property
    def detail(self) -> str:
        """What there is to say of it."""
        return self._detail

    def unable(self, why: str) -> None:
        """Its process cannot even be started."""
        self._set(State.UNHEALTHY, why)

    def record(self) -> ComponentRecord:
        """The component as `status` shows it."""
        return ComponentRecord(
            self.component.name,
            self._state,
            self._process.pid,
            self._process.started,
            self._since,
            self.restarts,
            self.component.address,
            self._detail,
        )

    async def mind(self) -> None:
        """Keep the component running until `stop`. Raises SignalboxError when it cannot even start."""
        for name in self.component.needs:
            await self._stack.ready[name].wait()
        if self.component.argv is None:
            await self._watch(None)
            return
        failures = 0
        while not self._stopping.is_set():
            ending = await self._start(self.component.argv)
            await self._watch(ending)
            if self._stopping.is_set():
                return
            code = await ending
            healthy_seconds = time.monotonic() - self._ready_at if self._ready_at else 0.0
            failures = self._backoff.failures_in_a_row(failures, healthy_seconds)
            await self._after_end(code, failures)

    async def stop(self, limit_seconds: float) -> None:
        """End the component's process within the limit. What it leaves behind is the supervisor's to end."""
        self._stopping.set()
        if self._process.is_running:
            self._set(State.STOPPING)
            await self._process.end(limit_seconds)
        self._process.forget()
        self._set(State.STOPPED)

    async def _start(self, argv: tuple[str, ...]) -> asyncio.Task[int]:
        self._ready_at = None
        self._useless_since = None
        self._limit = StartLimit()
        ending = await self._process.start(argv)
        self._set(State.STARTING)
        return ending

    async def _watch(self, ending: asyncio.Task[int] | None) -> None:
        """Ask the component until its process ends (or for ever) or it is told to stop."""
        begun = time.monotonic()
        pause = FIRST_ASKED_SECONDS
        stopping = asyncio.create_task(self._stopping.wait())
        until: set[asyncio.Task[int] | asyncio.Task[bool]] = (
            {stopping} if ending is None else {stopping, ending}
        )
        try:
            while True:
                question = asyncio.create_task(self._ask())
                done, _ = await asyncio.wait({*until, question}, return_when=asyncio.FIRST_COMPLETED)
                if done & until:
                    question.cancel()
                    return
                if not self._ready_at:
                    self._give_up_after(time.monotonic() - begun)
                wait = self._pause() or pause
                done, _ = await asyncio.wait(until, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    return
                pause = min(pause * 1.3, 1.0)
        finally:
            stopping.cancel()

    def _pause(self) -> float | None:
        """Seconds until a component that has been ready is asked again."""
        if self._ready_at is None:
            return None
        return self.component.asked_seconds if self._state is State.HEALTHY else ASKED_SECONDS

    def _give_up_after(self, waited_seconds: float) -> None:
        """A process that does not get ready is started anew; somebody else's service is reported."""
        pid = self._process.pid
        if pid is not None:
            if self._limit.is_over(pid, waited_seconds):
                self._process.kill()
        elif waited_seconds > REACH_LIMIT_SECONDS and not self.ready.is_set():
            component = self.component
            if component.stops_nothing_else:
                self._set(State.UNHEALTHY, self._detail)
                return
            raise NotReachableError(f"{component.name} at {component.address}: {self._detail}")

    async def _ask(self) -> None:
        name, process = self.component.name, self._process
        try:
            question = asyncio.to_thread(
                self._stack.ask, name, self._stack.exports, process.pid, process.started
            )
            detail = await asyncio.wait_for(question, CHECK_LIMIT_SECONDS)
        except TimeoutError:
            self._set(State.UNHEALTHY, "no answer") if self._ready_at else None
            self._end_if_useless("no answer", NO_ANSWER_FACTOR)
            return
        except checks.AnswersWithFault as error:
            self._useless_since = None
            if not self._stopping.is_set():
                self._ready_at = self._ready_at or time.monotonic()
                self._set(State.UNHEALTHY, checks.reason(error))
                self.ready.set()
            return
        except Exception as error:
            # Whatever a client library raises means the same here: not healthy, for this reason.
            if not self._stopping.is_set():
                self._not_well(error)
            return
        if self._stopping.is_set():
            return
        self._useless_since = None
        self._ready_at = self._ready_at or time.monotonic()
        self._set(State.HEALTHY, detail)
        self.ready.set()

    def _not_well(self, error: Exception) -> None:
        why = checks.reason(error)
        if isinstance(error, checks.CannotTell):
            # It is as it was, as far as anybody knows; whoever could not be asked is a component of its own.
            self._useless_since = None
            self._set(self._state, why)
            return
        self._set(State.UNHEALTHY if self._ready_at else State.STARTING, why)
        late = isinstance(error, checks.NoAnswerInTime)
        self._end_if_useless(why, NO_ANSWER_FACTOR if late else 1)

    def _end_if_useless(self, why: str, factor: int) -> None:
        """A process that was ready, lives, and has not answered as it should for too long, is ended.

        It takes two looks: one alone is what a machine shows that has slept, or was frozen.
        """
        limit, process = self.component.useless_after_seconds, self._process
        if limit is None or not process.is_running or self._ready_at is None:
            return
        if self._useless_since is None:
            self._useless_since = time.monotonic()
        elif time.monotonic() - self._useless_since >= limit * factor:
            _log.error("%s is of no use any more (%s): it is started again", self.component.name, why)
            process.kill()

    async def _after_end(self, code: int, failures: int) -> None:
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        await asyncio.to_thread(self._process.sweep, 3.0)
        file = logs.path_of(self._stack.logs, self.component.name)
        optional = self.component.stops_nothing_else
        if not self.ready.is_set() and failures >= HOPELESS_AFTER and not optional:
            raise SignalboxError(
                f"{self.component.name} ended {failures} times, with {how}, before it was ready; "
                f"{file} ends with: {' | '.join(logs.last_lines(file))}"
            )
        self.restarts += 1
        self._process.forget()
        delay = self._backoff.delay_seconds(failures)
        said = "".join(f"; its log ends with: {line}" for line in logs.last_lines(file, 1) if optional)
        self._set(State.RESTARTING, f"ended with {how}; starts again after {delay:g} s{said}")
        try:
            await asyncio.wait_for(self._stopping.wait(), delay)
        except TimeoutError:
            return

    def _set(self, state: State, detail: str = "") -> None:
        if (state, detail) == (self._state, self._detail):
            return
        if state != self._state:
            self._since = now()
        self._state, self._detail = state, detail
        self._stack.changed()


def now() -> str:
    """This moment as the record has it: ISO 8601 with offset."""
    return dt.datetime.now(dt.UTC).astimezone().isoformat(timespec="milliseconds")
