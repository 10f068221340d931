"""`<state>/stack.json`: what runs on a state folder and where, written by its supervisor for all others.

`status`, `env`, `down` and every command that talks to the stack read it; so does the next `up`, to end what
a killed supervisor left behind. Mode 0600: the URLs may hold passwords.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from scheduler_defs.atomic import write_atomically
from scheduler_defs.running_stack import RECORD

VERSION = 1


class State(StrEnum):
    """What a component is doing."""

    WAITING = "waiting"
    """For a component that it needs."""
    STARTING = "starting"
    """Its process runs, and has not yet answered."""
    HEALTHY = "healthy"
    """It answers."""
    UNHEALTHY = "unhealthy"
    """Its process runs, and does not answer as it should."""
    RESTARTING = "restarting"
    """It ended by itself, and is started again after a pause."""
    STOPPING = "stopping"
    """It has been told to end."""
    STOPPED = "stopped"
    """It has ended because it was told to."""


@dataclass(frozen=True)
class ComponentRecord:
    """One component as last seen by the supervisor. `since` is ISO 8601: when `state` began."""

    name: str
    state: State
    pid: int | None
    started: float | None
    since: str
    restarts: int
    address: str
    detail: str


@dataclass(frozen=True)
class StackRecord:
    """The stack of one state folder. `exports` are the variables that make Dagster's tools talk to it."""

    id: str
    pid: int
    since: str
    ready: bool
    ui: str
    exports: dict[str, str]
    components: tuple[ComponentRecord, ...] = field(default=())


def write(state: Path, record: StackRecord) -> None:
    """Replace the file atomically."""
    document = {"version": VERSION, **dataclasses.asdict(record)}
    write_atomically(state / RECORD, json.dumps(document, indent=1))


def read(state: Path) -> StackRecord | None:
    """The record, or None where there is none (or one that this version cannot read)."""
    try:
        document = json.loads((state / RECORD).read_text())
        if document.pop("version") != VERSION:
            return None
        components = tuple(
            ComponentRecord(**{**item, "state": State(item["state"])}) for item in document.pop("components")
        )
        return StackRecord(**document, components=components)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def remove(state: Path) -> None:
    """Forget the stack: nothing of it runs any more."""
    (state / RECORD).unlink(missing_ok=True)
