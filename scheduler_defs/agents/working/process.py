"""The process of an agent: its environment and files, the guard around it, and what its end means."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster as dg

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.landing.landings import NewLanding
from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.agents.working.command import (
    REPORT_FILE,
    TASK_FILE,
    fill,
    recipe_path,
    write_task_file,
)
from scheduler_defs.agents.working.history import History
from scheduler_defs.agents.working.report import AgentReport, read_report
from scheduler_defs.agents.working.transcript import Transcript, understand
from scheduler_defs.agents.working.watching import Stop, Watch
from scheduler_defs.agents.workspaces.desk import Desk
from scheduler_defs.declarations.models.declared import Agent
from scheduler_defs.execution.guard import outcome as guarded
from scheduler_defs.execution.guard.guard import Guarded
from scheduler_defs.execution.guard.outcome import Outcome
from scheduler_defs.execution.leases.current import allow_grace
from scheduler_defs.execution.storage.compute_logs import aside
from scheduler_defs.jobs.commands.pipes.session import CommandPipes
from scheduler_defs.jobs.commands.running.env import CommandEnvironment, command_environment
from scheduler_defs.jobs.commands.running.output import CommandOutput, hide
from scheduler_defs.private import make_private
from scheduler_defs.redaction import redact_secrets
from scheduler_defs.settings import CONFIG, STATE, settings

_LINES = 5
_LONGEST_DETAIL = 2000
_LOOKS = 60
"""So often, about each second, is looked for the session's name: programs say it first."""


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
    question: str = ""
    question_key: str | None = None
    """What makes asking twice one question; None: one for each run."""
    question_details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    not_before: dt.datetime | None = None
    """When the next attempt may begin, if the agent says so; for a provider's refusal, when it ends."""
    printed: Transcript = field(default_factory=Transcript)
    lands: NewLanding | None = None
    """Its work is to go onto a base; the task is done when it is there."""

    def hiding(self, secrets: Sequence[str]) -> Ended:
        """The same without secrets, known ones and those that look like some: comments are read by many."""

        def hidden(text: str) -> str:
            return redact_secrets(hide(text, secrets))

        return replace(
            self,
            detail=hidden(self.detail),
            question=hidden(self.question),
            result=_each_text(self.result, hidden),
            comments=tuple(hidden(comment) for comment in self.comments),
        )

    def noted(self) -> dict[str, Any]:
        """For the assignment: enough to settle the task later."""
        return {
            "ending": self.ending.value,
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "result": self.result,
            "gave_up": self.gave_up,
            **{
                name: value
                for name in ("session", "cli", "tokens", "cached", "turns", "cost_usd")
                if (value := getattr(self.printed, name)) is not None
            },
        }


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case dict():
            return {key: _each_text(each, change) for key, each in value.items()}
        case list():
            return [_each_text(each, change) for each in value]
        case _:
            return value


def run_command(
    context: dg.OpExecutionContext,
    agent: Agent,
    task: Task,
    folder: Path,
    *,
    recipes: Path,
    home: Path,
    history: History,
    patterns: Sequence[str] = (),
    desk: Desk | None = None,
    facts: Mapping[str, str] = MappingProxyType({}),
    on_session: Callable[[Transcript], None] = lambda _: None,
    watch: Watch,
) -> Ended:
    """Run the agent's command for the task. `home` is where relative paths begin; `folder` is private.

    `history` is what happened to the task so far, `patterns` those of the agent's quota pool. `desk` is the
    task's worktree, where the agent has one; `facts` are further variables. `on_session` is called once, as
    soon as the program has named its session. `watch` may end the turn before it ends by itself.

    Raises NotStartedError or SignalboxError when the command cannot be started.
    """
    values = _values(context, agent, task, recipes)
    values["task"] |= history.document()
    report_file = folder / "report.json"
    if desk is not None:
        values["workspace"] = dict(desk.values())
    values["run"] |= {"task_file": str(folder / "task.json"), "report_file": str(report_file)}
    pipes = CommandPipes(context, folder, values_for_pipes(values))
    argv = _argv(agent, values, history)
    files = {TASK_FILE: str(write_task_file(folder, values)), REPORT_FILE: str(report_file)}
    if desk is not None:  # what programs leave in their folder for temporary files goes with the task's
        files["TMPDIR"] = str(make_private(folder / "tmp"))
    with pipes.opened(), aside() as captured, CommandOutput(*captured) as output:
        environment = environment_of(agent, {**facts, **files, **pipes.environment})
        for name in environment.missing:
            context.log.warning(f"env: {name} is not set in the worker")

        looks = _Looks(on_session)
        stopped: list[Stop] = []

        def follow() -> None:
            pipes.poll()
            output.follow()
            looks.look(output)
            if not stopped and (stop := watch.look(output, command)) is not None:
                stopped.append(stop)
                context.log.warning(f"its turn is ended: {stop.detail}")
                command.cancel()

        allow_grace(agent.grace)
        command = Guarded(
            argv,
            env=environment.variables,
            cwd=folder_of(agent, home, desk),
            timeout=agent.timeout,
            grace=agent.grace,
            timeout_grace=agent.grace,  # a deadline for an agent is not to the second; its work is to be kept
            stdout=output.stdout,
            stderr=output.stderr,
            scratch=folder,
            label=f"agent {agent.name}, task {task.id}",
        )
        # The folder is there until this block is left.
        with command:
            try:
                outcome = _outcome(command, follow)
            except BaseException:
                watch.end(output)
                raise
            tail = output.tail(environment.secrets).lines
            report = read_report(report_file, pipes.finish())
            used = watch.end(output)
            printed = understand(output.printed(), dt.datetime.now().astimezone(), patterns, used=used)
    for note in (report.fault, *report.notes):
        if note:
            context.log.warning(note)
    ended = _ended(outcome, report, tail, agent)
    ended = judged(ended, report, printed)
    if stopped and report.status is None and outcome.ending is guarded.Ending.CANCELLED:
        ended = after_stop(ended, stopped[0])
    return ended.hiding(environment.secrets)


def after_stop(ended: Ended, stop: Stop) -> Ended:
    """The ending of work that was stopped."""
    return replace(
        ended,
        ending=stop.ending,
        detail=stop.detail,
        question=stop.question,
        question_key=stop.key,
        question_details=stop.details,
    )


class _Looks:
    """Looks for the session's name among what is printed, until it is there."""

    def __init__(self, on_session: Callable[[Transcript], None]) -> None:
        self._on_session, self._left = on_session, _LOOKS

    def look(self, output: CommandOutput) -> None:
        if self._left <= 0:
            return
        self._left -= 1
        seen = understand(output.printed(), dt.datetime.now().astimezone())
        if seen.session is not None:
            self._left = 0
            self._on_session(seen)


def _outcome(command: Guarded, follow: Callable[[], None]) -> Outcome:
    """Wait for the end. Whatever interrupts that passes on when nothing of the command is left: until then
    the task is worked on, and its agent's slot taken."""
    try:
        return command.wait(follow)
    except BaseException:
        command.end()
        raise


def judged(ended: Ended, report: AgentReport, printed: Transcript) -> Ended:
    """The ending with what the program has printed: a failure may be its provider's, and not the task's."""
    ended = replace(ended, printed=printed, question=report.question, not_before=report.not_before)
    if report.status is not None or ended.ending in (Ending.SUCCESS, Ending.CANCELED, Ending.WORKER_LOST):
        return ended
    if printed.rejection is not None:
        return replace(
            ended,
            ending=Ending.RATE_LIMITED,
            detail=f"{printed.rejection.reason} ({ended.detail.partition(':')[0]})",
            not_before=printed.rejection.until,
        )
    if printed.denied is not None:
        return replace(ended, ending=Ending.UNREADY, detail=f"its login is refused: {printed.denied}")
    return ended


def _argv(agent: Agent, values: dict[str, dict[str, Any]], history: History) -> list[str]:
    """The command; or the one that goes on with the session in which the agent has asked and was answered."""
    going_on = history.goes_on(agent.name)
    if not agent.resume or going_on is None:
        return fill(agent.command, values)
    session, said = going_on
    return fill(agent.resume, {**values, "session": {"id": session}, "answer": {"text": said}})


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


def values_for_pipes(values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The same as the task file, in types that Pipes can carry."""
    import json

    from scheduler_defs.agents.task_queue.objects import plain

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


def environment_of(agent: Agent, facts: Mapping[str, str]) -> CommandEnvironment:
    """What the agent's command gets."""
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
        case guarded.Ending.EXITED if outcome.exit_code == 0:
            ending, detail = Ending.SUCCESS, f"exit code 0 after {seconds:.1f} s"
        case guarded.Ending.EXITED:
            ending, detail = Ending.EXIT_CODE, f"exit code {outcome.exit_code} after {seconds:.1f} s"
        case guarded.Ending.TIMED_OUT:
            limit = agent.timeout.total_seconds() if agent.timeout else seconds
            ending, detail = Ending.TIMEOUT, f"timed out after {limit:g} s"
        case guarded.Ending.FENCED:
            ending, detail = Ending.WORKER_LOST, "the worker had lost its lease"
        case guarded.Ending.CANCELLED:
            ending, detail = Ending.CANCELED, ""
        case guarded.Ending.LOST:
            ending, detail = Ending.WORKER_LOST, "the guard of the command was killed"
    said = report.ending(ending)
    if report.fault:
        detail = f"{agent.name}: {report.fault} ({detail})"
    elif said is not ending or report.reason:
        detail = f"{agent.name} says {report.status or 'so'}: {report.reason or 'no reason given'} ({detail})"
    elif ending is not Ending.SUCCESS:
        detail += last_words(tail)
    return Ended(
        said,
        detail[:_LONGEST_DETAIL],
        seconds,
        outcome.exit_code,
        report.result,
        report.comments,
        gave_up=report.status == "failed",
    )


def last_words(tail: Sequence[str]) -> str:
    """`: the last line (before it: ...)`. The last line comes first: what is cut off is the earlier ones."""
    if not tail:
        return ""
    *before, last = tail[-_LINES:]
    return f": {last}" + (f" (before it: {' / '.join(before)})" if before else "")
