"""The Celery queues that the declarations name, and who of a stack serves them.

Run as `python -m scheduler_defs.stack.components.queues` it prints them as JSON. The supervisor
asks that way: it is always there, and should not keep thousands of declarations in its memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from scheduler_defs.execution.queue.capacity import AGENT_QUEUE, RUN_QUEUE, STEP_QUEUE
from scheduler_defs.stack.components import locations
from scheduler_defs.stack.components.locations import Served

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.declared import Declarations


@dataclass(frozen=True)
class Queues:
    """Queues of runs and queues of steps. Disjoint: runs that wait for steps never hold their slots.

    The agents' runs have a queue of their own: those of schedules never wait for an agent.
    """

    runs: tuple[str, ...]
    steps: tuple[str, ...]
    limits: int | None = None
    """What the limits of the agents come to whose runs go to the agents' own queue; None: there are none."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.runs, *self.steps, *(() if self.limits is None else (AGENT_QUEUE,)))

    def beyond(self, served: Iterable[str]) -> Queues:
        """The queues that are not among those served."""
        known = set(served)
        return Queues(
            tuple(name for name in self.runs if name not in known),
            tuple(name for name in self.steps if name not in known),
            None if AGENT_QUEUE in known else self.limits,
        )

    def only(self, runs: tuple[str, ...]) -> Queues:
        """The same where these queues of runs are served, and no other."""
        others = tuple(name for name in runs if name != AGENT_QUEUE)
        if len(others) in (0, len(runs)):
            return Queues(runs, self.steps)
        return Queues(others, self.steps, self.limits or 0)


def declared_queues(declarations: Declarations) -> Queues:
    """Every queue that a run or a step can be sent to, the default first.

    A name that both use is served as a queue of runs. Without a job that has steps there is no queue of
    steps: an idle worker costs memory.
    """
    # Imported here: the supervisor reads what is printed, and does without the declarations' models (11 MB).
    from scheduler_defs.agents.launching import agent_limits
    from scheduler_defs.declarations.models.jobs import StepExecutor

    jobs, agents = declarations.jobs.values(), declarations.agents.values()
    limits = agent_limits(declarations)
    runs = {job.queue for job in jobs} | {agent.celery_queue for agent in agents}
    runs |= {location.queue for location in declarations.locations.values()}
    if limits is not None:
        runs.discard(AGENT_QUEUE)
    stepped = [job for job in jobs if job.steps and job.executor is StepExecutor.CELERY]
    steps = {step.queue for job in stepped for step in (job.steps or {}).values()}
    return Queues(
        (RUN_QUEUE, *sorted(name for name in runs - {RUN_QUEUE, STEP_QUEUE} if name)),
        (STEP_QUEUE, *sorted(name for name in steps - runs - {RUN_QUEUE, STEP_QUEUE} if name))
        if steps
        else (),
        limits,
    )


def with_steps(queues: Queues, served: Iterable[Served]) -> Queues:
    """With the queue of steps as well where there are other code locations, in the stack's environment.

    Their jobs have Dagster's default executor, whose steps go there.
    """
    if queues.steps or all(each.has_own_environment for each in served):
        return queues
    return Queues(queues.runs, (STEP_QUEUE,), queues.limits)


def parse(text: bytes) -> Queues:
    """Read what `python -m scheduler_defs.stack.components.queues` printed."""
    document = json.loads(text)
    return Queues(tuple(document["runs"]), tuple(document["steps"]), document.get("limits"))


def print_declared_queues() -> None:
    """Print the declared queues of this environment, and the other code locations, as JSON."""
    from scheduler_defs.declarations import current
    from scheduler_defs.settings import INSTALLATION, OWN_LOCATION, beside, settings

    where = settings()
    found = current(where.config, where.state).declarations
    project = beside(where.config, "").resolve()
    served = {each.name: each for each in locations.of_workspace(INSTALLATION, OWN_LOCATION)}
    served |= {name: locations.declared(each, project) for name, each in found.locations.items()}
    queues = with_steps(declared_queues(found), served.values())
    document = {**asdict(queues), locations.LOCATIONS: locations.written(served.values())}
    sys.stdout.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    print_declared_queues()
