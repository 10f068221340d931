"""What tests of approvals start from: declarations, a queue, people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.access.table import Principal
from scheduler_defs.approvals import reading
from scheduler_defs.audit.entries import Acting, Channel, acting_as
from scheduler_defs.declarations.models.access import AccessGrant, Role
from tests.unit.execution.dequeue.setting import Queue, submit_job


@dg.job
def deploy() -> None:
    """A job whose runs people must agree to."""


@dataclass
class Yard:
    """Declarations, one queue, one instance."""

    config: Path
    queue: Queue

    @property
    def engine(self) -> sa.Engine:
        return database.engine(self.queue.url)

    def declare(self, approve: str, more: str = "") -> None:
        """The job `deploy`, whose runs need this."""
        (self.config / "jobs.yaml").write_text(
            f"jobs:\n  deploy: {{command: [echo, hello], owner: ops, approve: {approve}}}\n{more}"
        )

    def ask(self, by: str = "ann", **more: str) -> str:
        """Somebody launches `deploy`; returns the run's id."""
        with acting_as(Acting(by, Channel.REST)):
            given = {key.replace("__", "/"): value for key, value in more.items()}
            return submit_job(self.queue.instance, deploy, given)

    def waiting(self) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return reading.waiting(connection)

    def passes(self) -> list[str]:
        """One pass of the queue, with a look around; returns what it launched."""
        self.queue.daemon._look_around_at = 0.0
        return self.queue.iterate()

    def said(self, run_id: str) -> tuple[str, str | None]:
        """A run's status, and why it ended."""
        run = self.queue.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.value, run.tags.get(tags.ERROR)

    def let_expire(self, approval: int) -> None:
        """As if its time were over."""
        with self.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "UPDATE signalbox.approvals SET expires = now() - interval '1 second' WHERE id = :id"
                ),
                {"id": approval},
            )


def person(name: str, role: Role = Role.OPERATOR, **bounds: tuple[str, ...]) -> Principal:
    return Principal(name, (AccessGrant(who=(name,), role=role, **bounds),))
