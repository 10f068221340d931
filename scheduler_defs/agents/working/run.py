"""One run of an agent: claim the task, do it, tell how it ended.

Each step can be the last one that this process takes. What it has not done by then is done by the next pass
of the queue's sensor (`scheduler_defs.agents.pool.healing`), from what is noted in the assignment.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import dagster as dg
import sqlalchemy as sa

from scheduler_defs.agents.deciding import AgentMode, Ending, TaskStatus
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.deciding.matching.eligibility import agent_state
from scheduler_defs.agents.deciding.quotas import Rejection, left_to_people
from scheduler_defs.agents.landing import landings
from scheduler_defs.agents.landing.landings import NewLanding
from scheduler_defs.agents.pool import agent_states, assignments
from scheduler_defs.agents.pool.agent_states import START_WINDOW, AgentState
from scheduler_defs.agents.pool.assignments import AssignmentEnding
from scheduler_defs.agents.pool.views import agent_view, quota_of, wait_before_next
from scheduler_defs.agents.questions import inbox
from scheduler_defs.agents.quotas import store as quota_pools
from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.task_queue.protocol import (
    NotNeededError,
    TaskQueue,
    TaskQueueDownError,
    UnknownTaskError,
)
from scheduler_defs.agents.task_queue.wording import AUTHOR
from scheduler_defs.agents.usage.budgets import Budgets
from scheduler_defs.agents.working.ended import Ended
from scheduler_defs.agents.working.history import History, of_task
from scheduler_defs.agents.working.turns import Turns
from scheduler_defs.declarations.models.declared import Agent, Quota
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.guard.starting import NotStartedError
from scheduler_defs.execution.storage.pool import patiently

_NOT_EXECUTED = (126, 127)
"""Exit codes of shells, `env` and the like for a program that is not there or cannot be executed."""

_FINAL = (TaskStatus.COMPLETE, TaskStatus.FAILED, TaskStatus.CANCELED)

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
    budgets: Budgets
    quota: Quota | None = None
    """The pool that it draws on, where that is declared."""

    def claim(self, log: Any) -> Task | None:
        """The task, now ours; None when the run is not needed any more.

        Raises NotClaimedError when the task queue is away.
        """
        refused = self._noted(self._take)
        if refused is not None:
            log.info(f"Not needed: {refused}")
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

    def _take(self, connection: sa.Connection) -> str | None:
        """Note that the run has begun; or why it is not to."""
        now = self.clock()
        known = agent_states.states(connection).get(self.agent.name, AgentState())
        own = quota_of(self.agent)
        quotas = {} if self.quota is None else {own: self.quota}
        pool = quota_pools.states(connection, quotas, self.budgets.agents, now).get(own)
        over = self.budgets.closed(connection, now).get((self.agent.name, self.request.queue), "")
        agent = agent_view(self.agent, load=0, state=known, now=now, quota=pool, budget=over)
        if not agent.takes_work(now) and assignments.has_begun(connection, self.run_key) is False:
            assignments.end(connection, self.run_key, AssignmentEnding.WITHDRAWN, now)
            return f"{self.agent.name} takes no work now: {agent_state(agent, 0, now)}"
        if assignments.take(connection, self.run_key, self.request.run_id, now) is None:
            return f"task {self.task_id} is no longer requested for {self.agent.name}"
        return None

    def settle(self, ended: Ended, task: Task, log: Any) -> None:
        """Note how the work ended; then tell the task queue, now or, when it is away, with a later pass.

        Work that is to land is told to nobody yet: the task stays this run's until it has landed.
        """
        now = self.clock()

        def note(connection: sa.Connection) -> None:
            assignments.note_outcome(connection, self.run_key, ended.noted())
            self._note_agent(connection, ended, now)
            if ended.ending is Ending.QUESTION:
                self._ask(connection, ended)
            if ended.lands is not None:
                self._let_land(connection, ended.lands, task, now)

        self._noted(note)
        try:
            self._comment(ended.comments, log)
            if ended.lands is not None:
                log.info(f"Task {self.task_id} waits for its turn to land on {ended.lands.base}")
                return
            settled = self.task_queue.settle(
                self.task_id,
                self.request,
                ended.ending,
                detail=ended.detail,
                result=ended.result,
                wait=None if ended.gave_up else self._wait(ended, task.attempts),
                now=now,
            )
        except TaskQueueDownError as error:
            log.warning(f"{error}; it is told how this ended when it is back")
            return
        except UnknownTaskError:
            log.info(f"Task {self.task_id} is gone")
            self._end(AssignmentEnding.LEAVE)
            return
        self._end(assignments.ending_of(settled))

    def _note_agent(self, connection: sa.Connection, ended: Ended, now: dt.datetime) -> None:
        """What the end of the run says of the agent and of its provider."""
        name, pool = self.agent.name, quota_of(self.agent)
        match ended.ending:
            case Ending.RATE_LIMITED:
                refusal = Rejection(ended.not_before, ended.detail)
                quota_pools.close(connection, pool, refusal, run_id=self.request.run_id, now=now)
            case Ending.UNREADY if ended.printed.denied is not None:
                agent_states.set_mode(connection, name, AgentMode.PAUSED, reason=ended.detail, actor=AUTHOR)
            case Ending.UNREADY:
                agent_states.note_unready(connection, name, now)
            case Ending.CANCELED | Ending.WORKER_LOST | Ending.BUDGET:
                agent_states.note_start(connection, name, failed=False, now=now)
            case _:
                agent_states.note_start(connection, name, failed=_failed_to_start(ended), now=now)
                quota_pools.reopen(connection, pool, now - dt.timedelta(seconds=ended.seconds))
        window, reserve = ended.printed.window, self.quota.reserve if self.quota else 0.0
        if window is not None and (rest := left_to_people(window, reserve, now)) is not None:
            quota_pools.close(connection, pool, rest, run_id=self.request.run_id, now=now)

    def _ask(self, connection: sa.Connection, ended: Ended) -> None:
        subject = inbox.task_subject(self.task_queue.backend, self.task_id)
        details = {"run_id": self.request.run_id, "session": ended.printed.session, "cli": ended.printed.cli}
        details |= ended.question_details
        inbox.ask(
            connection,
            subject,
            ended.question,
            key=ended.question_key or f"question:{self.run_key}",
            asked_by=self.agent.name,
            details={name: value for name, value in details.items() if value is not None},
        )

    def _let_land(self, connection: sa.Connection, new: NewLanding, task: Task, now: dt.datetime) -> None:
        """The agent's slot is free, and the work waits, in one step."""
        landings.add(
            connection,
            new,
            backend=self.task_queue.backend,
            task_id=self.task_id,
            queue=self.request.queue,
            agent=self.agent.name,
            run_id=self.request.run_id,
            attempt=task.attempts,
            max_attempts=self.request.max_attempts,
        )
        assignments.end(connection, self.run_key, AssignmentEnding.LANDING, now)

    def history(self) -> History:
        """What happened to the task before this run."""
        details = self.task_queue.details(self.task_id)
        return self._noted(
            lambda connection: of_task(
                connection, self.task_queue.backend, details, self.run_key, self.agent.name
            )
        )

    def is_over(self, backend: str, task_id: int) -> bool:
        """Whether nobody will go on with a task. One that is not there any more is over."""
        try:
            return backend == self.task_queue.backend and self.task_queue.get(task_id).status in _FINAL
        except UnknownTaskError:
            return True
        except TaskQueueDownError:
            return False

    def _comment(self, comments: Sequence[str], log: Any) -> None:
        """Pass on what the agent says. A comment that is refused is no reason to lose the verdict."""
        for comment in comments:
            try:
                self.task_queue.comment(self.task_id, comment, author=self.agent.name)
            except (TaskQueueDownError, UnknownTaskError):
                raise
            except SignalboxError as error:
                log.warning(f"a comment of the agent was left out: {error}")

    def _wait(self, ended: Ended, attempt: int) -> dt.timedelta | None:
        wait = wait_before_next(
            self.agent, attempt, ended.ending, exit_code=ended.exit_code, task_id=self.task_id
        )
        if wait is None or ended.not_before is None:
            return wait
        return max(wait, ended.not_before - self.clock())

    def _end(self, ending: AssignmentEnding) -> None:
        self._noted(lambda connection: assignments.end(connection, self.run_key, ending, self.clock()))

    def _noted(self, note: Callable[[sa.Connection], _T]) -> _T:
        """Write to our own tables, waiting for the database if it is away: what was done must not be lost."""

        def write() -> _T:
            with self.engine.begin() as connection:
                return note(connection)

        return patiently(write)


def work(run: AgentRun, turns: Turns) -> Ended:
    """Do the task with the agent's command; whatever happens is an ending.

    Raises the interrupt of a cancelled or stopped run, after the task has been settled accordingly.
    """
    began = time.monotonic()
    try:
        return replace(turns, history=run.history()).take()
    except NotStartedError as error:
        # No other attempt can go better before somebody mends the agent's declaration or its machine.
        return Ended(Ending.UNREADY, str(error), time.monotonic() - began)
    except SignalboxError as error:
        return Ended(Ending.START_FAILED, str(error), time.monotonic() - began)
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        run.settle(_interrupted(turns.context, time.monotonic() - began), turns.task, turns.context.log)
        raise


def _interrupted(context: dg.OpExecutionContext, seconds: float) -> Ended:
    """Why this process is to stop: the run was cancelled, its time is up, or the worker goes away."""
    run = context.instance.get_run_by_id(context.run_id)
    if run is None:
        return Ended(Ending.WORKER_LOST, "its run was deleted", seconds)
    status = run.status
    if status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        return Ended(Ending.CANCELED, "", seconds)
    if status is dg.DagsterRunStatus.FAILURE:
        return Ended(Ending.TIMEOUT, "its run's time was up", seconds)
    return Ended(Ending.WORKER_LOST, f"worker {os.getpid()} was stopped", seconds)


def _failed_to_start(ended: Ended) -> bool:
    """Whether the program could not be run at all: what it says of a task is no fault of the agent."""
    return ended.ending is Ending.START_FAILED or (
        ended.ending is Ending.EXIT_CODE
        and ended.exit_code in _NOT_EXECUTED
        and ended.seconds < START_WINDOW.total_seconds()
    )
