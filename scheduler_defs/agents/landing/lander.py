"""Whoever lands: takes one waiting landing of a repository after the other, the oldest first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from scheduler_defs.agents.deciding import Ending, TaskStatus
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.landing import landings
from scheduler_defs.agents.landing.carrying_out import Ground, RefusedError, RunCommands, is_there
from scheduler_defs.agents.landing.landings import Landing, LandingEnding
from scheduler_defs.agents.task_queue.protocol import TaskQueue, UnknownTaskError
from scheduler_defs.agents.workspaces.git import GitError
from scheduler_defs.agents.workspaces.mirror import Mirror
from scheduler_defs.errors import SignalboxError

TRIES = 5
"""So often somebody else may be faster with the base while one task lands."""


class NotLandedError(SignalboxError):
    """Something else than the work is in the way: it waits, and is tried again."""


@dataclass(frozen=True, slots=True)
class Lander:
    """Lands what waits in one repository. `run` carries out the commands that accept work."""

    engine: sa.Engine
    task_queue: TaskQueue
    mirror: Mirror
    run: Callable[[Landing], RunCommands]
    wait: Callable[[Landing], dt.timedelta | None]
    """How long a task whose landing is refused waits for its next attempt; None: there is none."""
    log: Any
    clock: Callable[[], dt.datetime]

    def land_all(self) -> list[tuple[int, LandingEnding]]:
        """(task, what became of it), in order. Nothing when somebody else lands here already.

        Raises NotLandedError, and TaskQueueDownError; what has landed by then has.
        """
        done: list[tuple[int, LandingEnding]] = []
        with self.engine.connect() as lock:
            if not landings.lock(lock, self.mirror.repository):
                self.log.info(f"somebody lands in {self.mirror.repository} already")
                return done
            try:
                lock.commit()
                with self.mirror.locked("landing"):
                    while (landing := self._next()) is not None:
                        ending = self._land(landing, lock)
                        done.append((landing.task_id, ending))
            finally:
                lock.invalidate()  # the lock goes with the connection, which the pool would keep
        return done

    def _next(self) -> Landing | None:
        with self.engine.connect() as connection:
            return landings.next_of(connection, self.mirror.repository)

    def _land(self, landing: Landing, lock: sa.Connection) -> LandingEnding:
        try:
            self.mirror.fetch()
            for _ in range(TRIES):
                if (commit := is_there(landing, self.mirror)) is not None:
                    return self._landed(landing, commit)
                if not self._is_held(landing):
                    return self._end(landing, LandingEnding.WITHDRAWN, "the task was taken back meanwhile")
                if (commit := self._try(landing, lock)) is not None:
                    return self._landed(landing, commit)
                self.mirror.fetch()
            raise GitError(f"{landing.base} moves faster than the work can be checked")
        except RefusedError as error:
            return self._refused(landing, str(error))
        except GitError as error:
            said = f"task {landing.task_id} does not land on {landing.base}: {error}"
            with self.engine.begin() as connection:
                landings.note_detail(connection, landing, str(error))
            raise NotLandedError(said) from None

    def _try(self, landing: Landing, lock: sa.Connection) -> str | None:
        """Make the work the base; None when the base has moved meanwhile. Raises RefusedError, GitError."""
        base = self.mirror.base(landing.base)
        ground = Ground(self.mirror)
        result = ground.put_together(landing, base)
        ground.check(landing, self.run(landing))
        if not self._is_held(landing):
            return None
        with self.engine.begin() as connection:
            landings.note_result(connection, landing, result)
        lock.execute(sa.text("SELECT 1"))  # whoever has lost the lock lands nothing
        lock.commit()
        try:
            self.mirror.push(result, landing.base)
        except GitError:
            self.mirror.fetch()
            if self.mirror.base(landing.base) != base:
                return None
            raise
        return result

    def _is_held(self, landing: Landing) -> bool:
        """Whether the task is still the one whose work this is."""
        try:
            task = self.task_queue.get(landing.task_id)
        except UnknownTaskError:
            return False
        return task.status is TaskStatus.WORKING and task.run_id == landing.run_id

    def _landed(self, landing: Landing, commit: str) -> LandingEnding:
        said = f"landed on {landing.base} as {commit[:12]}"
        self._settle(landing, Ending.SUCCESS, said, dt.timedelta(0))
        with self.engine.begin() as connection:
            landings.note_landed(connection, landing, commit)
        return self._end(landing, LandingEnding.LANDED, said)

    def _refused(self, landing: Landing, said: str) -> LandingEnding:
        self._settle(landing, Ending.ERROR, f"not landed: {said}"[:2000], self.wait(landing))
        return self._end(landing, LandingEnding.REFUSED, said)

    def _settle(self, landing: Landing, ending: Ending, said: str, wait: dt.timedelta | None) -> None:
        """Before the landing ends: whoever finds it open again settles nothing."""
        request = ClaimRequest(landing.run_id, landing.agent, landing.queue, landing.max_attempts)
        try:
            self.task_queue.settle(landing.task_id, request, ending, detail=said, wait=wait, now=self.clock())
        except UnknownTaskError:
            self.log.info(f"task {landing.task_id} is gone")

    def _end(self, landing: Landing, ending: LandingEnding, said: str) -> LandingEnding:
        with self.engine.begin() as connection:
            landings.end(connection, landing, ending, said)
        self.log.info(f"task {landing.task_id}: {ending}: {said}")
        return ending
