"""What the supervisor has to know about a component. Data only."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from scheduler_defs.stack.machine.backoff import Backoff
from scheduler_defs.stack.machine.spawning import Account


class StopPhase(IntEnum):
    """When a component ends: lowest first, so that nobody loses what it needs."""

    USERS = 0
    """Daemon, webserver, workers."""
    CODE = 1
    """The code server, which daemon and webserver ask until the end."""
    STORAGE = 2
    """Postgres and the broker."""


@dataclass(frozen=True)
class StopSignal:
    """One step of asking a process to end. SIGKILL is not written down: it always follows."""

    number: signal.Signals
    after_seconds: float = 0.0


@dataclass(frozen=True)
class Component:
    """A process that always runs, or (`argv` None) somebody else's service that is only asked for its health.

    `needs`: names of components and steps that must be ready before this one is started.
    `death_signal`: sent by the kernel when the supervisor dies without a word.
    `backoff`: the pauses before it is started again.
    `asked_seconds`: how often it is asked while it is healthy. To ask all of them takes 40 ms of CPU time,
    and that a process has ended is seen at once, without asking.
    `useless_after_seconds`: a process that lives, was ready, and for so long does not answer as it should, is
    ended, to be started again. None: never; another start would help nobody, and cost what is connected.
    `forked`: a module of this installation or of Dagster's, most of which the stack's parent has imported.
    `stops_nothing_else`: that it cannot be started, or reached, is no reason to end the stack.
    """

    name: str
    argv: tuple[str, ...] | None
    needs: tuple[str, ...]
    address: str
    stop_phase: StopPhase
    cwd: Path | None = None
    account: Account | None = None
    stop_signals: tuple[StopSignal, ...] = (StopSignal(signal.SIGTERM),)
    death_signal: signal.Signals = signal.SIGTERM
    variables: dict[str, str] = field(default_factory=dict[str, str])
    backoff: Backoff = field(default_factory=Backoff)
    asked_seconds: float = 15.0
    useless_after_seconds: float | None = None
    forked: bool = False
    stops_nothing_else: bool = False
