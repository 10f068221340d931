"""One run of an agent: claim the task, do it, tell how it ended.

Each step can be the last one that this process takes. What it has not done by then is done by the next pass
of the queue's sensor (`resources.agent_pool.healing`), from what is noted in the assignment.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import sqlalchemy as sa

from resources.agent_pool import agent_states, assignments
from resources.agent_pool.agent_states import START_WINDOW
from resources.agent_pool.assignments import AssignmentEnding
from resources.agent_pool.declared import wait_before_next
from resources.task_queue.models import Task
from resources.task_queue.protocol import (
    NotNeededError,
    TaskQueue,
    TaskQueueDownError,
    UnknownTaskError,
)
from scheduler_defs.declarations.models import Agent
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.storage_pool import patiently
from scheduler_defs.jobs.agent_task_process import Ended, run_command
from scheduler_defs.matching import Ending
from scheduler_defs.matching.claiming import ClaimRequest

Clock = Callable[[], dt.datetime]
_T = TypeVar("_T")


class NotClaimedError(SignalboxError):
    """The task queue did not answer when the run began; the task is as it was."""


@dataclass(frozen=True)
class AgentRun:
    """What one run needs: which assignment it is to fulfil, and who with."""

    engine: sa.Engine
    task_queue: TaskQueue
    agent: Agent
    run_key: str
    task_id: int
    request: ClaimRequest
    clock: Clock

    def claim(self, log: Any) -> Task | None:
        """The task, now ours; None when the run is not needed any more.

        Raises NotClaimedError when the task queue is away.
        """
        taken = self._noted(
            lambda connection: assignments.take(connection, self.run_key, self.request.run_id, self.clock())
        )
        if taken is None:
            log.info(f"Not needed: task {self.task_id} is no longer requested for {self.agent.name}")
            return None
        try:
            return self.task_queue.claim(self.task_id, self.request, self.clock())
        except (NotNeededError, UnknownTaskError) as error:
            log.info(f"Not needed: {error}")
            self._end(AssignmentEnding.NOT_NEEDED)
            return None
        except TaskQueueDownError as error:
            # Nothing has been done: the task is given out anew when the task queue is back.
            self._end(AssignmentEnding.NEVER_STARTED)
            raise NotClaimedError(str(error)) from error

    def settle(self, ended: Ended, attempt: int, log: Any) -> None:
        """Note how the work ended; then tell the task queue, now or, when it is away, with a later pass."""
        now = self.clock()

        def note(connection: sa.Connection) -> None:
            assignments.note_outcome(connection, self.run_key, ended.noted())
            agent_states.note_start(connection, self.agent.name, failed=_failed_to_start(ended), now=now)

        self._noted(note)
        try:
            for comment in ended.comments:
                self.task_queue.comment(self.task_id, comment, author=self.agent.name)
            settled = self.task_queue.settle(
                self.task_id,
                self.request,
                ended.ending,
                detail=ended.detail,
                result=ended.result,
                wait=None if ended.gave_up else self._wait(ended, attempt),
                now=now,
            )
        except TaskQueueDownError as error:
            log.warning(f"{error}; it is told how this ended when it is back")
            return
        except UnknownTaskError:
            log.info(f"Task {self.task_id} is gone")
            self._end(AssignmentEnding.LEAVE)
            return
        self._end(AssignmentEnding(settled.verdict.value))

    def _wait(self, ended: Ended, attempt: int) -> dt.timedelta | None:
        return wait_before_next(
            self.agent, attempt, ended.ending, exit_code=ended.exit_code, task_id=self.task_id
        )

    def _end(self, ending: AssignmentEnding) -> None:
        self._noted(lambda connection: assignments.end(connection, self.run_key, ending, self.clock()))

    def _noted(self, note: Callable[[sa.Connection], _T]) -> _T:
        """Write to our own tables, waiting for the database if it is away: what was done must not be lost."""

        def write() -> _T:
            with self.engine.begin() as connection:
                return note(connection)

        return patiently(write)


def work(context: dg.OpExecutionContext, run: AgentRun, task: Task, recipes: Path, home: Path) -> Ended:
    """Do the task with the agent's command; whatever happens is an ending.

    Raises the interrupt of a cancelled or stopped run, after the task has been settled accordingly.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="signalbox-task-", ignore_cleanup_errors=True) as folder:
        try:
            return run_command(context, run.agent, task, Path(folder), recipes=recipes, home=home)
        except SignalboxError as error:
            return Ended(Ending.START_FAILED, str(error), time.monotonic() - began)
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
            run.settle(_interrupted(context, time.monotonic() - began), task.attempts, context.log)
            raise


def _interrupted(context: dg.OpExecutionContext, seconds: float) -> Ended:
    """Why this process is to stop: the run was cancelled, its time is up, or the worker goes away."""
    run = context.instance.get_run_by_id(context.run_id)
    status = run.status if run else None
    if status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        return Ended(Ending.CANCELED, "", seconds)
    if status is dg.DagsterRunStatus.FAILURE:
        return Ended(Ending.TIMEOUT, "its run's time was up", seconds)
    return Ended(Ending.WORKER_LOST, f"worker {os.getpid()} was stopped", seconds)


def _failed_to_start(ended: Ended) -> bool:
    if ended.ending in (Ending.SUCCESS, Ending.CANCELED, Ending.WORKER_LOST):
        return False
    return ended.ending is Ending.START_FAILED or ended.seconds < START_WINDOW.total_seconds()
