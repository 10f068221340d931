"""The processes from which those of `up --small` are forked. Without them these are started, and larger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from scheduler_defs.settings import INSTALLATION
from scheduler_defs.stack.components.component import Component, StopPhase
from scheduler_defs.stack.forking import marks, place
from scheduler_defs.stack.machine import environment


def of_stack(state: Path, tables: str) -> dict[str, Component]:
    """By name: one that has imported everything, and that of the workers.

    That one is forked itself, and has loaded what each worker would load, once `tables` has made them.
    """
    return {
        place.COMPONENT_NAME: _parent(state, place.COMPONENT_NAME, needs=()),
        place.OF_WORKERS: _parent(state, place.OF_WORKERS, needs=(tables,), forked=True),
    }


def _parent(state: Path, name: str, **more: Any) -> Component:
    socket = place.socket_of(state, name)
    return Component(
        name,
        (sys.executable, "-P", "-m", "scheduler_defs.stack.forking", str(socket), marks.RESERVED_ARGUMENT),
        address=str(socket),
        stop_phase=StopPhase.USERS,
        cwd=INSTALLATION,
        variables={environment.COMPONENT: marks.reserved_name(name)},
        useless_after_seconds=20.0,
        stops_nothing_else=True,
        **more,
    )
