"""What the commands around agent queues start from: the declarations, the database, the task queue."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec

from scheduler_defs.acting.place import Place, announce
from scheduler_defs.errors import NotReachableError

if TYPE_CHECKING:
    from scheduler_defs.agents.pool.runs import Runs

_P = ParamSpec("_P")


def open_place() -> Place:
    """The declared task queue and the running stack's database. Connects to nothing yet."""
    from scheduler_defs.agents.task_queue.opening import open_task_queue
    from scheduler_defs.cli.terminal.connection import database_engine
    from scheduler_defs.cli.terminal.declarations import load_declared

    declarations = load_declared()
    engine = database_engine()
    task_queue = open_task_queue(declarations.task_queue)
    run, task = os.environ.get("SIGNALBOX_RUN"), os.environ.get("SIGNALBOX_TASK", "")
    if run and task.isdecimal():  # we are called by an agent, from within its run
        from scheduler_defs.agents.task_queue.models import Held

        task_queue = task_queue.on_behalf_of(Held(int(task), run))
    return Place(declarations, engine, task_queue)


def announcing(command: Callable[_P, None]) -> Callable[_P, None]:
    """A command that changes tasks; the queues are looked at afterwards. Our own tables say so themselves."""

    @functools.wraps(command)
    def run(*args: _P.args, **options: _P.kwargs) -> None:
        command(*args, **options)
        # Without a running stack nobody looks; the tasks are changed all the same, or it was a dry run.
        with suppress(NotReachableError):
            place = open_place()
            if place.task_queue.backend != "postgres":
                announce(place.engine, None)

    return run


def author(given: str | None) -> str:
    """Who is noted as having done something: the option, the agent within its own run, or the user."""
    from scheduler_defs.launching import current_actor

    return given or os.environ.get("SIGNALBOX_AGENT") or current_actor()


def known_runs() -> Runs | None:
    """Runs as the running stack's webserver knows them; None when none is running."""
    from scheduler_defs.cli.terminal.connection import graphql

    try:
        client = graphql()
    except NotReachableError:
        return None
    from scheduler_defs.acting.agent_queues.agent_runs import GraphQLRuns

    return GraphQLRuns(client)
