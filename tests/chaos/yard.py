"""The declarations that a stack in chaos works on, and the stack with all that is to be known of its past."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
import yaml

from scheduler_defs.execution.life.terms import BEAT, EXPIRY
from scheduler_defs.execution.storage.pool import patiently
from scheduler_defs.timing.durations import format_duration
from tests.chaos.evidence import CatchUp
from tests.chaos.wall_clock import WallClock
from tests.integration.running_stack import Stack

SHORT_TERMS = {BEAT: "1", EXPIRY: "6"}
"""A worker that is lost is known to be after six seconds instead of twenty."""

MARK = Path(__file__).with_name("mark.py")
SCHEDULES = {f"each_{policy}": policy for policy in CatchUp}
WINDOW = dt.timedelta(hours=1)
JITTERED, LIMITED = "jittered", "limited"
JITTER = dt.timedelta(seconds=50)
HOPELESS, FAILING = FAIL = ("hopeless", "failing")
STEPS = {"diamond": ("first", "left", "right", "last")}


@dataclass
class Yard:
    """A running stack. `ids`: of all stacks that have run here. `begun`: since when schedules are on.

    `mark`: ends the names of the agents, whose guards are known by them: other yards may be on this machine.
    `clock`: of all its processes, where they carry one that can be set.
    """

    stack: Stack
    slots: int
    ids: set[str] = field(default_factory=set[str])
    begun: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    clock: WallClock | None = None
    window: dt.timedelta = WINDOW
    """How far back `catch_up: all` goes."""

    def now(self) -> dt.datetime:
        """What the stack's wall clock shows."""
        return dt.datetime.now(dt.UTC) if self.clock is None else self.clock.now()

    @property
    def marks(self) -> Path:
        """Where the commands write down how they live."""
        return self.stack.folder / "marks"

    def up(self) -> None:
        """Start the stack, and wait until it is ready."""
        self.stack.run("up", "--detach", "--workers", str(self.slots))
        self.ids.add(self.stack.record.id)

    @contextmanager
    def database(self) -> Iterator[sa.Connection]:
        """A connection of its own: nothing of it outlives a fault. Waits for a database that is away."""
        engine = sa.create_engine(self.stack.postgres_url, poolclass=sa.NullPool)
        connection = patiently(engine.connect, patience=60)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def running_yard(
    folder: Path,
    *,
    long_seconds: float,
    slots: int,
    terms: Mapping[str, str] = SHORT_TERMS,
    clock: WallClock | None = None,
    window: dt.timedelta = WINDOW,
    others: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Yard]:
    """A yard at work; nothing of it is left afterwards. `others`: variables that are the stack's alone."""
    folder.mkdir(parents=True, exist_ok=True)
    moved = clock.variables if clock else {}
    yard = Yard(Stack(folder, {**terms, **moved, **others}), slots, clock=clock, window=window)
    yard.marks.mkdir()
    yard.stack.config.mkdir()
    (yard.stack.config / "chaos.yaml").write_text(
        yaml.safe_dump(declarations(yard.marks, long_seconds, yard.mark, window), sort_keys=False)
    )
    before = {name: os.environ.get(name) for name in terms}
    os.environ.update(terms)  # what this process reads, it reads with the stack's terms
    try:
        yard.up()
        yard.begun = yard.now()
        yield yard
        prove(yard)
    finally:
        yard.stack.run("down", check=False)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def prove(yard: Yard) -> None:
    """The last word on a yard: `signalbox prove` of all that was due in it, whatever was done to it."""
    done = yard.stack.run("prove", "--from", yard.begun.isoformat(), "--json", check=False)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert found["ok"], found


def declarations(
    marks: Path, long_seconds: float, mark: str, window: dt.timedelta = WINDOW
) -> dict[str, Any]:
    """Jobs of all kinds, schedules of each minute, and agents: every command writes down its life."""

    def command(seconds: float, failures: int = 0, *more: str) -> list[str]:
        return [sys.executable, "-I", "-S", str(MARK), str(marks), str(seconds), str(failures), *more]

    def job(*arguments: Any, attempts: int = 6, **more: Any) -> dict[str, Any]:
        return {"command": command(*arguments), "retries": retries(attempts), **more}

    return {
        "jobs": {
            "short": job(1),
            "long": job(long_seconds, 0, "--child"),
            "diamond": {
                "steps": {
                    "first": {"command": command(1)},
                    "left": {"command": command(2), "needs": ["first"]},
                    "right": {"command": command(1), "needs": ["first"]},
                    "last": {"command": command(0.5), "needs": ["left", "right"]},
                },
                "retries": retries(6),
            },
            "slow": job(10),
            HOPELESS: job(0.2, 99, attempts=1),
            FAILING: job(0.2, 99, attempts=2),
            "flaky": job(0.3, 2, attempts=8),
            "keeper": job(0.5, 0, "--keep", "100000", artifacts=["kept.bin"], attempts=10),
        },
        "schedules": {
            name: {
                "job": "short",
                "cron": "* * * * *",
                "overlap": "allow",
                "catch_up": {"policy": policy.value, "window": format_duration(window)},
                "retries": retries(6),
            }
            for name, policy in SCHEDULES.items()
        }
        | {
            # Off, unless somebody wants occurrences that wait.
            JITTERED: {
                "job": "short",
                "cron": "* * * * *",
                "jitter": format_duration(JITTER),
                "enabled": False,
            },
            LIMITED: {
                "job": "slow",
                "cron": "* * * * *",
                "max_per_job": 1,
                "overlap": "allow",
                # Else the occurrence of the next minute stands for the one that waits.
                "catch_up": {"policy": "all", "window": format_duration(window)},
                "enabled": False,
            },
        },
        "agents": {
            f"ann_{mark}": {"queue": "chaos", "limit": 2, "command": command(1.5), "retries": retries(8)},
            f"bob_{mark}": {"queue": "chaos", "limit": 1, "command": command(3), "retries": retries(8)},
            # Had it failed sooner, the agent would be passed over for a while after each task.
            f"eve_{mark}": {"queue": "lost", "limit": 1, "command": command(10.5, 99), "retries": retries(2)},
        },
    }


def retries(attempts: int) -> dict[str, Any]:
    """So many attempts, soon one after the other."""
    return {"max_attempts": attempts, "backoff": "exponential", "base": "1s", "cap": "4s"}
