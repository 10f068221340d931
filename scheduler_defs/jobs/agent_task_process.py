"""The process of an agent: its environment and files, the guard around it, and what its end means."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from resources.task_queue.models import Task
from resources.task_queue.shown import task_object
from scheduler_defs.declarations.models import Agent
from scheduler_defs.execution import guard
from scheduler_defs.execution.guard import Outcome, run_guarded
from scheduler_defs.jobs.agent_task_command import (
    REPORT_FILE,
    TASK_FILE,
    fill,
    recipe_path,
    write_task_file,
)
from scheduler_defs.jobs.agent_task_report import AgentReport, read_report
from scheduler_defs.jobs.command_env import CommandEnvironment, command_environment
from scheduler_defs.jobs.output import CommandOutput
from scheduler_defs.jobs.pipes import CommandPipes
from scheduler_defs.matching import Ending
from scheduler_defs.settings import CONFIG, STATE, settings

_LINES = 5


@dataclass(frozen=True)
class Ended:
    """How the work on a task ended. `gave_up`: the agent says that trying again is of no use."""

    ending: Ending
    detail: str
    seconds: float
    exit_code: int | None = None
    result: Any = None
    comments: tuple[str, ...] = ()
    gave_up: bool = False

    def noted(self) -> dict[str, Any]:
        """For the assignment: enough to settle the task later."""
        return {
            "ending": self.ending.value,
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "result": self.result,
            "gave_up": self.gave_up,
        }


def run_command(
    context: dg.OpExecutionContext, agent: Agent, task: Task, folder: Path, *, recipes: Path, home: Path
) -> Ended:
    """Run the agent's command for the task. `home` is where relative paths begin; `folder` is private.

    Raises NotStartedError or SignalboxError when the command cannot be started.
    """
    values = _values(context, agent, task, recipes)
    report_file = folder / "report.json"
    values["run"] |= {"task_file": str(folder / "task.json"), "report_file": str(report_file)}
    pipes = CommandPipes(context, folder, values_for_pipes(values))
    argv = fill(agent.command, values)
    facts = {
        TASK_FILE: str(write_task_file(folder, values)),
        REPORT_FILE: str(report_file),
        "SIGNALBOX_TASK": str(task.id),
        "SIGNALBOX_QUEUE": task.queue,
        "SIGNALBOX_AGENT": agent.name,
        "SIGNALBOX_RUN": context.run_id,
        STATE: str(settings().state),
        CONFIG: str(settings().config),
    }
    with pipes.opened(), CommandOutput() as output:
        environment = _environment(agent, {**facts, **pipes.environment})
        for name in environment.missing:
            context.log.warning(f"env: {name} is not set in the worker")

        def follow() -> None:
            pipes.poll()
            output.follow()

        outcome = run_guarded(
            argv,
            env=environment.variables,
            cwd=home / agent.cwd if agent.cwd else home,
            timeout=agent.timeout,
            grace=agent.grace,
            stdout=output.stdout,
            stderr=output.stderr,
            on_tick=follow,
            label=f"agent {agent.name}, task {task.id}",
        )
        report = read_report(report_file, pipes.finish())
        tail = output.tail(environment.secrets).lines
    if report.fault:
        context.log.warning(report.fault)
    return _ended(outcome, report, tail, agent)


def values_for_pipes(values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The same as the task file, in types that Pipes can carry."""
    import json

    from resources.task_queue.shown import plain

    return json.loads(json.dumps(values, default=plain))


def _values(
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


def _environment(agent: Agent, facts: dict[str, str]) -> CommandEnvironment:
    environment = command_environment(os.environ, agent.env, facts)
    # `python` and `signalbox` are those that this worker runs with.
    programs = str(Path(sys.executable).parent)
    path = os.pathsep.join([programs, environment.variables["PATH"]])
    return CommandEnvironment(
        {**environment.variables, "PATH": path}, environment.secrets, environment.missing
    )


def _ended(outcome: Outcome, report: AgentReport, tail: tuple[str, ...], agent: Agent) -> Ended:
    seconds = outcome.duration.total_seconds()
    match outcome.ending:
        case guard.Ending.EXITED if outcome.exit_code == 0:
            ending, detail = Ending.SUCCESS, f"exit code 0 after {seconds:.1f} s"
        case guard.Ending.EXITED:
            ending, detail = Ending.EXIT_CODE, f"exit code {outcome.exit_code} after {seconds:.1f} s"
        case guard.Ending.TIMED_OUT:
            limit = agent.timeout.total_seconds() if agent.timeout else seconds
            ending, detail = Ending.TIMEOUT, f"timed out after {limit:g} s"
        case guard.Ending.FENCED:
            ending, detail = Ending.WORKER_LOST, "the worker had lost its lease"
        case guard.Ending.CANCELLED:
            ending, detail = Ending.CANCELED, ""
        case guard.Ending.LOST:
            ending, detail = Ending.WORKER_LOST, "the guard of the command was killed"
    said = report.ending(ending)
    if said is not ending or report.reason:
        detail = f"{agent.name} says {report.status or 'so'}: {report.reason or 'no reason given'} ({detail})"
    elif ending is not Ending.SUCCESS and tail:
        detail = f"{detail}: {' / '.join(tail[-_LINES:])}"
    return Ended(
        said,
        detail[:2000],
        seconds,
        outcome.exit_code,
        report.result,
        report.comments,
        gave_up=report.status == "failed",
    )
