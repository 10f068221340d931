"""What acting around agent queues starts from: the declarations, the database, the task queue."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scheduler_defs.errors import NotReachableError, NotThereError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from scheduler_defs.agents.task_queue.protocol import TaskQueue
    from scheduler_defs.declarations.models.declared import Agent, Declarations


class UnknownAgentError(NotThereError):
    """No agent of this name is declared."""


@dataclass(frozen=True)
class Place:
    """The agent queues as whoever acts sees them."""

    declarations: Declarations
    engine: sa.Engine
    task_queue: TaskQueue

    def agent(self, name: str) -> Agent:
        """One declared agent. Raises UnknownAgentError, which proposes the nearest name."""
        from difflib import get_close_matches

        if name in self.declarations.agents:
            return self.declarations.agents[name]
        near = get_close_matches(name, self.declarations.agents, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownAgentError(f"no agent {name!r}{hint}")


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

    from scheduler_defs.agents.task_queue.protocol import CHANNEL

    with transaction(engine) as connection:
        connection.execute(
            sa.text("SELECT pg_notify(:channel, :queue)"), {"channel": CHANNEL, "queue": queue or ""}
        )
