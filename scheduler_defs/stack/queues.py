"""The Celery queues that the declarations name, and who of a stack serves them.

Run as `python -m scheduler_defs.stack.queues` it prints them as JSON. The supervisor asks that way: it is
always there, and should not keep thousands of declarations in its memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from scheduler_defs.execution.capacity import RUN_QUEUE, STEP_QUEUE

if TYPE_CHECKING:
    from scheduler_defs.declarations.models import Declarations


@dataclass(frozen=True)
class Queues:
    """Queues of runs and queues of steps. Disjoint: runs that wait for steps never hold their slots."""

    runs: tuple[str, ...]
    steps: tuple[str, ...]

    def beyond(self, served: Iterable[str]) -> Queues:
        """The queues that are not among those served."""
        known = set(served)
        return Queues(
            tuple(name for name in self.runs if name not in known),
            tuple(name for name in self.steps if name not in known),
        )


def declared_queues(declarations: Declarations) -> Queues:
    """Every queue that a run or a step can be sent to, the default first.

    A name that both use is served as a queue of runs. Without a job that has steps there is no queue of
    steps: an idle worker costs 200 MB.
    """
    jobs, agents = declarations.jobs.values(), declarations.agents.values()
    runs = {job.queue for job in jobs} | {agent.celery_queue for agent in agents}
    steps = {step.queue for job in jobs for step in (job.steps or {}).values()}
    return Queues(
        (RUN_QUEUE, *sorted(name for name in runs - {RUN_QUEUE, STEP_QUEUE} if name)),
        (STEP_QUEUE, *sorted(name for name in steps - runs - {RUN_QUEUE, STEP_QUEUE} if name))
        if steps
        else (),
    )


def parse(text: bytes) -> Queues:
    """Read what `python -m scheduler_defs.stack.queues` printed."""
    document = json.loads(text)
    return Queues(tuple(document["runs"]), tuple(document["steps"]))


def print_declared_queues() -> None:
    """Print the declared queues of this environment as JSON."""
    from scheduler_defs.declarations import current
    from scheduler_defs.settings import settings

    where = settings()
    found = declared_queues(current(where.config, where.state).declarations)
    sys.stdout.write(json.dumps(asdict(found)) + "\n")


if __name__ == "__main__":
    print_declared_queues()
