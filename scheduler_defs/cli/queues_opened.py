"""What the commands around agent queues start from: the declarations, the database, the task queue."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec

from scheduler_defs.errors import NotReachableError, SignalboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from resources.agent_pool.runs import Runs
    from resources.task_queue.protocol import TaskQueue
    from scheduler_defs.declarations.models import Agent, Declarations


_P = ParamSpec("_P")


@dataclass(frozen=True)
class Opened:
    """The agent queues as a command sees them."""

    declarations: Declarations
    engine: sa.Engine
    task_queue: TaskQueue

    def agent(self, name: str) -> Agent:
        """One declared agent. Raises SignalboxError that proposes the nearest name."""
        from difflib import get_close_matches

        if name in self.declarations.agents:
            return self.declarations.agents[name]
        near = get_close_matches(name, self.declarations.agents, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SignalboxError(f"no agent {name!r}{hint}")


def opened() -> Opened:
    """The declared task queue and the running stack's database. Connects to nothing yet."""
    from resources.task_queue.opening import open_task_queue
    from scheduler_defs.cli.connection import database_engine
    from scheduler_defs.cli.loaded import declared

    declarations = declared()
    engine = database_engine()
    return Opened(declarations, engine, open_task_queue(declarations.task_queue))


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction. A database that is away is a NotReachableError."""
    from sqlalchemy.exc import OperationalError

    try:
        with engine.begin() as found:
            yield found
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise NotReachableError(f"the database cannot be reached: {reason}") from None


def announce(engine: sa.Engine, queue: str | None) -> None:
    """Have a queue, or all, looked at without waiting for the next tick."""
    import sqlalchemy as sa

    from resources.task_queue.protocol import CHANNEL

    with transaction(engine) as connection:
        connection.execute(
            sa.text("SELECT pg_notify(:channel, :queue)"), {"channel": CHANNEL, "queue": queue or ""}
        )


def announced(command: Callable[_P, None]) -> Callable[_P, None]:
    """A command that changes tasks; the queues are looked at afterwards. Our own tables say so themselves."""

    @functools.wraps(command)
    def run(*args: _P.args, **options: _P.kwargs) -> None:
        command(*args, **options)
        place = opened()
        if place.task_queue.backend != "postgres":
            # Without a running stack nobody looks; the tasks are changed all the same.
            with suppress(NotReachableError):
                announce(place.engine, None)

    return run


def author(given: str | None) -> str:
    """Who is noted as having done something: the option, the agent within its own run, or the user."""
    from scheduler_defs.launching import current_actor

    return given or os.environ.get("SIGNALBOX_AGENT") or current_actor()


def known_runs() -> Runs | None:
    """Runs as the running stack's webserver knows them; None when none is running."""
    from scheduler_defs.cli.connection import graphql

    try:
        client = graphql()
    except NotReachableError:
        return None
    from scheduler_defs.cli.queues_runs import GraphQLRuns

    return GraphQLRuns(client)
