"""The process of an agent: its files, the guard around it, and what its end means."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import dagster as dg

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.working.command import (
    REPORT_FILE,
    TASK_FILE,
    write_task_file,
)
from scheduler_defs.agents.working.ended import Ended
from scheduler_defs.agents.working.given import (
    argv_of,
    environment_of,
    folder_of,
    values_for_pipes,
    values_of,
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
from scheduler_defs.jobs.commands.running.output import CommandOutput
from scheduler_defs.private import make_private

_LINES = 5
_LONGEST_DETAIL = 2000
_LOOKS = 60
"""So often, about each second, is looked for the session's name: programs say it first."""


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
    values = values_of(context, agent, task, recipes)
    values["task"] |= history.document()
    report_file = folder / "report.json"
    if desk is not None:
        values["workspace"] = dict(desk.values())
    values["run"] |= {"task_file": str(folder / "task.json"), "report_file": str(report_file)}
    pipes = CommandPipes(context, folder, values_for_pipes(values))
    argv = argv_of(agent, values, history)
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
    rejection = ended.printed.rejection
    return replace(
        ended,
        ending=stop.ending,
        detail=stop.detail,
        not_before=rejection.until if rejection and stop.ending is Ending.RATE_LIMITED else ended.not_before,
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
    if report.status is not None or ended.ending in (Ending.CANCELED, Ending.WORKER_LOST):
        return ended
    if ended.ending is Ending.SUCCESS:
        if printed.broke_off is None:
            return ended
        said = f"it gave up at its provider's error: {printed.broke_off} ({ended.detail})"
        ended = replace(ended, ending=Ending.ERROR, detail=said)
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
