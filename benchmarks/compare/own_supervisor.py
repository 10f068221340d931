"""`signalbox up` for the benchmark: as it is, but for the module that the code server loads."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from scheduler_defs.settings import settings
from scheduler_defs.stack.components import plan
from scheduler_defs.stack.components.component import Component
from scheduler_defs.stack.machine import folders, lock
from scheduler_defs.stack.supervising import display
from scheduler_defs.stack.supervising.supervisor import Supervisor

DECLARED, WITH_PYTHON_JOB = "scheduler_defs.definitions", "benchmarks.compare.own_location"


def main(slots: int) -> None:
    where = settings()
    folders.create_state(where.state)
    with lock.acquire(where.state):
        planned = plan.make(where, plan.Options(workers=slots, small=True))
        components = tuple(_with_python_job(item) for item in planned.components)
        asyncio.run(Supervisor(replace(planned, components=components), display.Lines()).run())


def _with_python_job(component: Component) -> Component:
    argv = component.argv or ()
    if DECLARED not in argv:
        return component
    return replace(component, argv=tuple(WITH_PYTHON_JOB if word == DECLARED else word for word in argv))


if __name__ == "__main__":
    main(int(sys.argv[1]))
