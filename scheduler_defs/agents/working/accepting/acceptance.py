"""What must succeed before a task is done, and what becomes of its work then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.landing.carrying_out import Checks
from scheduler_defs.agents.landing.landings import NewLanding
from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.working.accepting.pull_request import write_pull_request
from scheduler_defs.agents.working.ended import Ended
from scheduler_defs.agents.working.given import environment_of, facts_of, folder_of
from scheduler_defs.agents.workspaces import checks
from scheduler_defs.agents.workspaces.desk import Desk, Left
from scheduler_defs.agents.workspaces.git import GitError
from scheduler_defs.declarations.models.agents import Accept
from scheduler_defs.declarations.models.declared import Agent
from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.commands.artifacts.folders import run_folder
from scheduler_defs.private import make_private
from scheduler_defs.settings import settings

ACCEPTANCE = "acceptance.txt"
_MOST_COMMANDS = 20


def acceptance(agent: Agent, of_queue: Accept | None, task: Task) -> Accept | None:
    """What must succeed before a task is done: as it says itself, if it may; else the agent, else the queue.

    Raises SignalboxError for what a task says and cannot be understood.
    """
    declared = agent.accept or of_queue
    given = task.payload.get("accept") if agent.accept_from_task else None
    if given is None:
        return declared
    commands = (
        given if isinstance(given, list) and given and all(isinstance(c, list) for c in given) else [given]
    )
    for command in commands:
        good = isinstance(command, list) and command and all(isinstance(word, str) for word in command)
        if not good or len(commands) > _MOST_COMMANDS:
            raise SignalboxError(
                f"payload.accept: at most {_MOST_COMMANDS} commands, each a list of texts, are wanted"
            )
    found = tuple(tuple(command) for command in commands)
    return (declared or Accept(commands=found)).model_copy(update={"commands": found})


@dataclass(frozen=True, slots=True)
class HandingIn:
    """Looks at finished work, and hands on what is accepted. `accept` None: the agent's word counts."""

    context: dg.OpExecutionContext
    agent: Agent
    task: Task
    home: Path
    accept: Accept | None

    def check(self, desk: Desk | None) -> checks.Failed | None:
        if self.accept is None:
            return None
        environment = environment_of(self.agent, facts_of(self.context, self.agent, self.task, desk))
        return checks.first_failure(
            self.accept.commands,
            environment,
            folder_of(self.agent, self.home, desk),
            timeout=self.accept.timeout,
            why="accept",
            keep=make_private(self._artifacts) / ACCEPTANCE,
        )

    def leave(self, desk: Desk | None, *, commit: bool) -> Left | None:
        if desk is None:
            return None
        try:
            left = desk.leave(self.agent.name, self.task.title, commit=commit)
            desk.keep(left, self._artifacts)
        except (GitError, OSError) as error:
            if commit:
                raise error if isinstance(error, GitError) else GitError(str(error)) from error
            self.context.log.warning(f"the worktree could not be looked at: {error}")
            return None
        return left

    def accepted(self, ended: Ended, desk: Desk | None, left: Left | None) -> Ended:
        if self.accept is not None:
            count = len(self.accept.commands)
            named = f"{count} command{'s' if count > 1 else ''}"
            ended = replace(ended, detail=f"{ended.detail}; accepted by {named}")
        wanted = self.agent.workspace
        if desk is None or left is None or wanted is None:
            return ended
        try:
            desk.accept(left, push=wanted.push)
        except GitError as error:
            return replace(
                ended,
                ending=Ending.ERROR,
                detail=f"its branch {desk.tree.branch} could not be pushed: {error}",
            )
        said = f"Branch {desk.tree.branch} at {left.head[:12]}: {left} on {wanted.base}"
        ended = replace(ended, comments=(*ended.comments, said))
        if wanted.landing == "pull-request":
            write_pull_request(self._artifacts, self.task, desk.tree, left, self.accept)
        lands = self._landing(desk, left) if wanted.lands and left.head != left.begin else None
        return replace(ended, lands=lands)

    def _landing(self, desk: Desk, left: Left) -> NewLanding:
        wanted = self.agent.workspace
        assert wanted is not None
        return NewLanding(
            title=self.task.title,
            repository=wanted.repository,
            base=wanted.base,
            branch=desk.tree.branch,
            head=left.head,
            way=wanted.landing,
            checks=Checks.of(self.agent, self.accept).document(),
        )

    @property
    def _artifacts(self) -> Path:
        return run_folder(settings().artifacts, self.context.run_id)
