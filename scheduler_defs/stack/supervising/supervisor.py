"""The supervisor behind `signalbox up`: starts a plan's components in order, minds them, ends them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.queue.capacity import AGENT_QUEUE, agent_slots_here, too_few_slots
from scheduler_defs.stack.components import locations
from scheduler_defs.stack.components.component import StopPhase
from scheduler_defs.stack.components.plan import (
    AGENTS_WORKER,
    LOCATION,
    MIGRATIONS,
    PARENT,
    RUNS_WORKER,
    STEPS_WORKER,
    WORKERS_PARENT,
    Plan,
    worker,
)
from scheduler_defs.stack.components.queues import Queues, parse
from scheduler_defs.stack.forking.asking import Forks
from scheduler_defs.stack.machine import logs, processes, record
from scheduler_defs.stack.machine.hangs import say_where_it_hangs
from scheduler_defs.stack.machine.record import StackRecord, State
from scheduler_defs.stack.supervising.alarms import KINDS, Alarms, keep_looking
from scheduler_defs.stack.supervising.locations import LocationServers
from scheduler_defs.stack.supervising.minder import Minder, StackContext
from scheduler_defs.stack.supervising.one_shot import OneShots
from scheduler_defs.stack.supervising.watch import DECLARATIONS, changes, reload_code

# Everything is gone within ten seconds: each phase of ending has a share, and a busy machine the rest.
STOP_LIMITS_SECONDS = {StopPhase.USERS: 3.0, StopPhase.CODE: 0.7, StopPhase.STORAGE: 2.0}
LOGS_LOOKED_AT_SECONDS = 10.0
_log = logging.getLogger(__name__)


class _AskedToStop(Exception):
    """Leaves the task group when a signal has come."""


class Supervisor:
    """Runs one stack. `report` gets the record after every change; it is called on the event loop."""

    def __init__(self, plan: Plan, report: Callable[[StackRecord], None]) -> None:
        self.plan = plan
        self._report = report
        self._since = dt.datetime.now(dt.UTC).astimezone().isoformat(timespec="milliseconds")
        self._asked_to_stop = asyncio.Event()
        self._ready = False
        awaited = (MIGRATIONS, locations.LOCATIONS, *(item.name for item in plan.components), RUNS_WORKER)
        ready = {name: asyncio.Event() for name in awaited}
        self._context = StackContext(plan.id, plan.exports, plan.logs, ready, self._changed)
        self._forks: dict[str, Forks] = {}
        self._minders = dict(self._parents())
        self._context = self._forked_from(PARENT)
        self._one_shots = OneShots(self._context)
        own = (plan.code_server, LOCATION)
        self._locations = LocationServers(
            self._context, workspace=plan.workspace, own=own, folder=plan.locations
        )
        components = {item.name: Minder(item, self._context) for item in plan.components}
        self._minders = {**components, **self._minders}

    async def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP. Raises SignalboxError when the stack cannot start.

        However this ends, no process of the stack is left.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop.set)
        # A shell that starts us in the background has it ignored, and so would all that we start.
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        self._changed()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_asked())
                for minder in self._minders.values():
                    tasks.create_task(minder.mind())
                tasks.create_task(self._migrate())
                tasks.create_task(self._follow_declarations(tasks))
                tasks.create_task(self._announce_readiness())
                tasks.create_task(self._rotate_logs())
                tasks.create_task(say_where_it_hangs())
                tasks.create_task(self._alarm())
        except BaseExceptionGroup as group:
            failures = [leaf for leaf in _leaves(group) if not isinstance(leaf, _AskedToStop)]
            if failures:
                raise next(
                    (leaf for leaf in failures if isinstance(leaf, SignalboxError)), failures[0]
                ) from None
        finally:
            await self._stop()

    def snapshot(self) -> StackRecord:
        """The stack as others see it."""
        plan = self.plan
        passing = () if self._ready else self._one_shots.records()
        components = (
            *passing,
            *(minder.record() for minder in self._minders.values()),
            *self._locations.records(),
        )
        return StackRecord(plan.id, os.getpid(), self._since, self._ready, plan.ui, plan.exports, components)

    def _parents(self) -> Iterator[tuple[str, Minder]]:
        for name, parent in self.plan.parents.items():
            # Who waits for the stack to be ready does not wait for them.
            ready = {**self._context.ready, name: asyncio.Event()}
            context = self._forked_from(PARENT) if parent.forked else self._context
            yield name, Minder(parent, dataclasses.replace(context, ready=ready))

    def _forked_from(self, name: str) -> StackContext:
        """For components that are forked from this parent, where there is one."""

        def is_coming() -> bool:
            return self._minders[name].state in (State.WAITING, State.STARTING)

        parent = self.plan.parents.get(name)
        if parent is not None and name not in self._forks:
            self._forks[name] = Forks(Path(parent.address), is_coming)
        return dataclasses.replace(self._context, forks=self._forks.get(name))

    async def _until_asked(self) -> None:
        await self._asked_to_stop.wait()
        raise _AskedToStop

    async def _migrate(self) -> None:
        """Create or upgrade the tables, once the storage answers; everything else waits for that."""
        for component in self.plan.storage:
            await self._context.ready[component].wait()
        await self._one_shots.run(MIGRATIONS, "scheduler_defs.stack.components.migrate")
        self._context.ready[MIGRATIONS].set()

    async def _follow_declarations(self, tasks: asyncio.TaskGroup) -> None:
        """Start workers for the declared queues, and make later changes of the declarations take effect."""
        served = await self._staff(tasks, Queues((), ()), "")
        await self._context.ready["code-server"].wait()
        number = 1
        async for _ in changes(self.plan.config, DECLARATIONS):
            await reload_code(self.plan.code_server)
            number += 1
            try:
                # A worker in service is not disturbed: new queues get one of their own until the next `up`.
                served = await self._staff(tasks, served, f"-{number}")
            except SignalboxError as error:
                _log.error("the declared queues are not known: %s", error)

    async def _staff(self, tasks: asyncio.TaskGroup, served: Queues, suffix: str) -> Queues:
        """Serve the locations, and start workers for queues that nobody serves, and for grown limits.

        Their names end with `suffix`.
        """
        options = self.plan.options
        printed = await self._one_shots.run("queues", "scheduler_defs.stack.components.queues")
        await self._locations.apply(tasks, locations.parse(printed))
        self._context.ready[locations.LOCATIONS].set()
        wanted = parse(printed)
        wanted = wanted if options.queues is None else wanted.only(options.queues)
        new = wanted.beyond((*served.runs, *served.steps))
        workers = [
            worker(name + suffix, queues, options.workers, self.plan.id)
            for name, queues in ((RUNS_WORKER, new.runs), (STEPS_WORKER, new.steps))
            if queues
        ]
        limits, before = wanted.limits, served.limits
        if limits is not None:
            slots = agent_slots_here(limits)
            more = slots - (0 if before is None else agent_slots_here(before))
            if more > 0:
                word = too_few_slots(limits, slots)
                workers.append(worker(AGENTS_WORKER + suffix, (AGENT_QUEUE,), more, self.plan.id, word))
        for component in workers:
            self._context.ready.setdefault(component.name, asyncio.Event())
            self._minders[component.name] = Minder(component, self._forked_from(WORKERS_PARENT))
            tasks.create_task(self._minders[component.name].mind())
        known = [each for each in (limits, before) if each is not None]
        return Queues((*served.runs, *new.runs), (*served.steps, *new.steps), max(known) if known else None)

    async def _announce_readiness(self) -> None:
        # Workers for further queues, and for steps, are added with the first one.
        while waiting := [event for event in self._context.ready.values() if not event.is_set()]:
            await waiting[0].wait()
        self._ready = True
        self._changed()

    async def _alarm(self) -> None:
        """Tell people what the stack cannot tell them itself, once all has been well."""
        while not self._ready:
            await asyncio.sleep(LOGS_LOOKED_AT_SECONDS)

        async def tell(kind: str, seconds: float | None, detail: str) -> None:
            spoken = "" if seconds is None else f"{seconds:.0f}"
            await self._one_shots.run("alarm", "scheduler_defs.stack.supervising.alarm", kind, spoken, detail)

        # Whom an earlier supervisor has told of something is told that it is over.
        pending = set(KINDS.values()) if (self.plan.state / "alarms.json").exists() else set[str]()
        await keep_looking(
            Alarms(tell, pending=pending), lambda: (minder.record() for minder in self._minders.values())
        )

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(LOGS_LOOKED_AT_SECONDS)
            with contextlib.suppress(OSError):  # a full disk: tried again at the next look
                for path in self.plan.logs.glob("*.log"):
                    logs.rotate(path)

    async def _stop(self) -> None:
        """End everything, storage last, and before it whatever the others have left behind."""
        for phase in StopPhase:
            ending = [item for item in self._minders.values() if item.component.stop_phase is phase]
            if phase is StopPhase.STORAGE:
                servers = {minder.record().pid for minder in ending}
                left = [item for item in processes.marked(self.plan.id) if item.pid not in servers]
                await asyncio.to_thread(processes.end, left, signal.SIGKILL, grace_seconds=0.3)
            if phase is StopPhase.CODE:
                await self._locations.stop()
            await asyncio.gather(*(minder.stop(STOP_LIMITS_SECONDS[phase]) for minder in ending))
        record.remove(self.plan.state)

    def _changed(self) -> None:
        found = self.snapshot()
        with contextlib.suppress(OSError):  # a full disk is no reason to end what runs
            record.write(self.plan.state, found)
        self._report(found)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for item in group.exceptions:
        if isinstance(item, BaseExceptionGroup):
            yield from _leaves(item)
        else:
            yield item
