"""The turns of an agent at one task: it works, its work is checked, what failed goes back to it."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.sessions.registry import SessionState, Turn, note, state_after
from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.usage.budgets import Budgets
from scheduler_defs.agents.usage.records import TurnOf
from scheduler_defs.agents.working.accepting.acceptance import HandingIn, acceptance
from scheduler_defs.agents.working.command import fill
from scheduler_defs.agents.working.ended import Ended
from scheduler_defs.agents.working.given import environment_of, facts_of, folder_of
from scheduler_defs.agents.working.history import History
from scheduler_defs.agents.working.process import after_stop, run_command
from scheduler_defs.agents.working.transcript import together
from scheduler_defs.agents.working.watching import Stop, Watch, over_budget
from scheduler_defs.agents.workspaces import checks, cleaning, store
from scheduler_defs.agents.workspaces.desk import Desk, open_desk
from scheduler_defs.agents.workspaces.git import GitError
from scheduler_defs.agents.workspaces.worktree import NotMergedError
from scheduler_defs.declarations.models.agents import Accept
from scheduler_defs.declarations.models.declared import Agent
from scheduler_defs.errors import SignalboxError
from scheduler_defs.private import make_private
from scheduler_defs.settings import settings

NUDGES = 2
"""So often an idle agent is told to go on; then it is a failed attempt."""
NUDGE = (
    "Your turn was ended: {detail}. Nobody can type into your program. Go on without that; "
    "what you need from a human belongs into your report."
)


@dataclass(frozen=True, slots=True)
class Turns:
    """All that the work on one task needs.

    `accept`: what must succeed, as the queue has it declared; the agent or the task may say otherwise. None:
    the agent's word counts.
    """

    context: dg.OpExecutionContext
    engine: sa.Engine
    backend: str
    agent: Agent
    task: Task
    recipes: Path
    home: Path
    history: History = field(default_factory=History)
    patterns: Sequence[str] = ()
    accept: Accept | None = None
    budgets: Budgets = field(default_factory=lambda: Budgets({}, ""))

    def take(self) -> Ended:
        """Work until it counts, or does not. Whatever interrupts that passes on when nothing of it runs."""
        began = time.monotonic()
        try:
            accept = acceptance(self.agent, self.accept, self.task)
        except SignalboxError as error:
            return Ended(Ending.ERROR, str(error), 0.0, gave_up=True)
        if (stop := self._spent()) is not None:
            return after_stop(Ended(stop.ending, "", 0.0), stop)
        ended = replace(self, accept=accept)._at_desk()
        return replace(ended, seconds=time.monotonic() - began) if accept else ended

    def _at_desk(self) -> Ended:
        wanted = self.agent.workspace
        if wanted is None:
            return self._until_accepted(None)
        began = time.monotonic()
        try:
            [branch] = fill([wanted.branch], {"task": _plain(self.task), "agent": {"name": self.agent.name}})
            with open_desk(
                self.engine,
                wanted,
                backend=self.backend,
                task_id=self.task.id,
                branch=branch,
                run_id=self.context.run_id,
                blockers=lambda: list(self.history.waited_for),
            ) as desk:
                if (failed := self._prepare(desk)) is not None:
                    said = f"its workspace cannot be prepared: {failed.text()}"
                    return Ended(Ending.UNREADY, said[:2000], time.monotonic() - began)
                return self._until_accepted(desk)
        except NotMergedError as error:
            return Ended(Ending.ERROR, str(error), time.monotonic() - began, gave_up=True)
        except GitError as error:
            return Ended(Ending.UNREADY, f"its workspace: {error}", time.monotonic() - began)

    def _prepare(self, desk: Desk) -> checks.Failed | None:
        found: list[checks.Failed] = []
        wanted = self.agent.workspace
        assert wanted is not None

        def run() -> None:
            environment = environment_of(self.agent, facts_of(self.context, self.agent, self.task, desk))
            failed = checks.first_failure(
                wanted.setup, environment, desk.tree.path, timeout=wanted.setup_timeout, why="setup"
            )
            if failed is not None:
                found.append(failed)
                raise _NotPreparedError

        try:
            desk.prepare(wanted, run)
        except _NotPreparedError:
            return found[0]
        return None

    def _until_accepted(self, desk: Desk | None) -> Ended:
        rounds = self.accept.rounds if self.accept else 0
        history, turns, rejected, nudged = self.history, list[Ended](), list[str](), 0
        while True:
            turn = self._turn(desk, history, len(turns) + 1)
            turns.append(turn)
            ended = replace(turn, printed=together([each.printed for each in turns]))
            session = turn.printed.session
            if (
                ended.ending is Ending.IDLE
                and self.agent.when_idle == "nudge"
                and session
                and nudged < NUDGES
            ):
                nudged += 1
                history = history.after(NUDGE.format(detail=ended.detail), session)
                continue
            if ended.ending is not Ending.SUCCESS:
                self._handing_in.leave(desk, commit=False)
                return ended
            try:
                left = self._handing_in.leave(desk, commit=True)
            except GitError as error:
                return replace(ended, ending=Ending.ERROR, detail=f"its work cannot be looked at: {error}")
            failed = self._handing_in.check(desk)
            if failed is None:
                return self._handing_in.accepted(ended, desk, left)
            rejected.append(failed.text())
            self.context.log.warning(f"not accepted ({len(rejected)} of {rounds + 1}): {failed}")
            if len(rejected) > rounds:
                times = f"{len(rejected)} time{'s' if len(rejected) > 1 else ''}"
                said = tuple(f"Not accepted:\n{each}" for each in rejected)
                return replace(
                    ended,
                    ending=Ending.ERROR,
                    detail=f"it said that the task was done, and that was not accepted, {times}: {failed}",
                    comments=(*ended.comments, *said),
                    gave_up=True,
                )
            if (stop := self._spent()) is not None:
                return after_stop(ended, stop)
            history = history.after(f"The work is not accepted yet. {failed.text()}", session)

    def _spent(self) -> Stop | None:
        """Why no other turn may begin: a budget is reached."""
        name, queue = self.agent.name, self.task.queue
        if not self.budgets.covers(name, queue):
            return None
        with self.engine.connect() as connection:
            reached = self.budgets.reached(
                connection, task_id=self.task.id, agent=name, queue=queue, now=dt.datetime.now(dt.UTC)
            )
        return None if reached is None else over_budget(reached)

    def _watch(self, desk: Desk | None, number: int) -> Watch:
        place, now = settings(), dt.datetime.now(dt.UTC)
        turn = TurnOf(
            self.context.run_id, number, self.backend, self.task.id, self.agent.name, self.task.queue, now
        )
        return Watch(
            self.engine,
            self.budgets,
            turn,
            self.agent,
            folder=folder_of(self.agent, self.home, desk),
            not_in=() if desk else (place.state, place.artifacts),
            patterns=self.patterns,
            warn=self.context.log.warning,
        )

    def _turn(self, desk: Desk | None, history: History, number: int) -> Ended:
        facts = facts_of(self.context, self.agent, self.task, desk)
        if self.accept is not None or (desk is not None and self._lands):
            facts["SIGNALBOX_ACCEPT"] = "1"
        with _scratch() as folder:
            ended = run_command(
                self.context,
                self.agent,
                self.task,
                folder,
                recipes=self.recipes,
                home=self.home,
                history=history,
                patterns=self.patterns,
                desk=desk,
                facts=facts,
                on_session=lambda printed: self._note(Ended(Ending.SUCCESS, "", 0.0, printed=printed), desk),
                watch=self._watch(desk, number),
            )
        self._note(ended, desk, over=True)
        return ended

    def _note(self, ended: Ended, desk: Desk | None, *, over: bool = False) -> None:
        """Keep the session in the registry. `over`: the turn has ended, and says what it has used."""
        printed = ended.printed
        if printed.session is None:
            return
        turn = Turn(
            id=printed.session,
            cli=printed.cli or "unknown",
            backend=self.backend,
            task_id=self.task.id,
            agent=self.agent.name,
            host=store.here(),
            workspace=str(folder_of(self.agent, self.home, desk)),
            run_id=self.context.run_id,
            state=state_after(ended.ending) if over else SessionState.WORKING,
        )
        if over:
            turn = replace(
                turn,
                turns=printed.turns or 1,
                tokens=printed.tokens or 0,
                cached=printed.cached or 0,
                cost_usd=printed.cost_usd,
            )
        try:
            with self.engine.begin() as connection:
                note(connection, turn)
        except OperationalError as error:  # the work does not wait for the registry
            self.context.log.warning(f"session {turn.id} is not noted: {error.orig}")

    @property
    def _handing_in(self) -> HandingIn:
        return HandingIn(self.context, self.agent, self.task, self.home, self.accept)

    @property
    def _lands(self) -> bool:
        return self.agent.workspace is not None and self.agent.workspace.lands


def clean_up(engine: sa.Engine, turns: Turns, is_over: cleaning.IsOver) -> None:
    """Remove worktrees of this machine that have been kept for as long as they are to be."""
    if turns.agent.workspace is None:
        return
    for said in cleaning.clean(engine, is_over, settings()):
        turns.context.log.info(said)


class _NotPreparedError(Exception):
    """Leaves the preparation; what failed is known."""


@contextmanager
def _scratch() -> Iterator[Path]:
    # Beside those of command jobs: the guard removes it when this process is killed, else the next `up` does.
    place = make_private(settings().state / "work")
    with tempfile.TemporaryDirectory(prefix="task-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _plain(task: Task) -> dict[str, object]:
    from scheduler_defs.agents.task_queue.objects import task_object

    return task_object(task)
