"""What the command of an agent is given: where it runs, its variables, its task, its arguments."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.agents.working.command import (
    fill,
    recipe_path,
)
from scheduler_defs.agents.working.history import History
from scheduler_defs.agents.workspaces.desk import Desk
from scheduler_defs.declarations.models.declared import Agent
from scheduler_defs.jobs.commands.running.env import CommandEnvironment, command_environment
from scheduler_defs.settings import CONFIG, STATE, settings


def folder_of(agent: Agent, home: Path, desk: Desk | None) -> Path:
    """Where the agent's command, and those that check its work, run: `cwd`, in its worktree if it has one."""
    place = home if desk is None else desk.tree.path
    return place / agent.cwd if agent.cwd else place


def facts_of(context: dg.OpExecutionContext, agent: Agent, task: Task, desk: Desk | None) -> dict[str, str]:
    """Variables for the agent's command and for those around it."""
    return {
        "SIGNALBOX_TASK": str(task.id),
        "SIGNALBOX_QUEUE": task.queue,
        "SIGNALBOX_AGENT": agent.name,
        "SIGNALBOX_RUN": context.run_id,
        STATE: str(settings().state),
        CONFIG: str(settings().config),
        **(desk.variables(agent.name) if desk else {}),
    }


def environment_of(agent: Agent, facts: Mapping[str, str]) -> CommandEnvironment:
    """What the agent's command gets."""
    environment = command_environment(os.environ, agent.env, facts)
    # `python` and `signalbox` are those that this worker runs with.
    programs = str(Path(sys.executable).parent)
    path = os.pathsep.join([programs, environment.variables["PATH"]])
    return CommandEnvironment(
        {**environment.variables, "PATH": path}, environment.secrets, environment.missing
    )


def values_of(
    context: dg.OpExecutionContext, agent: Agent, task: Task, recipes: Path
) -> dict[str, dict[str, Any]]:
    return {
        "task": task_object(task),
        "agent": {
            "name": agent.name,
            "queues": list(agent.queues),
            "limit": agent.limit,
            "capabilities": list(agent.capabilities),
            "recipe": recipe_path(task.recipe, agent.recipe, recipes),
            "timeout_seconds": agent.timeout.total_seconds() if agent.timeout else None,
        },
        "run": {"id": context.run_id, "attempt": task.attempts},
    }


def values_for_pipes(values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The same as the task file, in types that Pipes can carry."""
    import json

    from scheduler_defs.agents.task_queue.objects import plain

    return json.loads(json.dumps(values, default=plain))


def argv_of(agent: Agent, values: dict[str, dict[str, Any]], history: History) -> list[str]:
    """The command; or the one that goes on with the session in which the agent has asked and was answered."""
    going_on = history.goes_on(agent.name)
    if not agent.resume or going_on is None:
        return fill(agent.command, values)
    session, said = going_on
    return fill(agent.resume, {**values, "session": {"id": session}, "answer": {"text": said}})
