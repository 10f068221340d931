"""What a run of `agent_task` does: see whether it is still needed, do the task, end as the task ended."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import dagster as dg

from resources.task_queue.opening import open_task_queue
from scheduler_defs import database
from scheduler_defs.declarations import current
from scheduler_defs.execution.failure import record_failure
from scheduler_defs.jobs.agent_task_process import Ended
from scheduler_defs.jobs.agent_task_run import AgentRun, NotClaimedError, work
from scheduler_defs.matching import Ending
from scheduler_defs.matching.claiming import ClaimRequest
from scheduler_defs.settings import Settings, settings
from scheduler_defs.tags import Failure

if TYPE_CHECKING:
    from scheduler_defs.jobs.agent_task import AgentTaskConfig

_FAILURES = {
    Ending.EXIT_CODE: Failure.EXIT_CODE,
    Ending.TIMEOUT: Failure.TIMEOUT,
    Ending.WORKER_LOST: Failure.WORKER_LOST,
}


def do(context: dg.OpExecutionContext, config: AgentTaskConfig) -> None:
    """Claim the task, run the agent's command for it, and tell the task queue how it ended.

    Raises dagster.Failure unless the work succeeded or is not needed any more.
    """
    place = settings()
    run = _prepare(context, config, place)
    if run is None:
        return
    try:
        task = run.claim(context.log)
    except NotClaimedError as error:
        record_failure(context.instance, context.run_id, Failure.ERROR, str(error))
        raise dg.Failure(str(error), allow_retries=False) from error
    if task is None:
        return
    ended = work(context, run, task, place.recipes, place.config.parent)
    run.settle(ended, task.attempts, context.log)
    _report(context, run, ended)


def _prepare(context: dg.OpExecutionContext, config: AgentTaskConfig, place: Settings) -> AgentRun | None:
    declarations = current(place.config, place.state).declarations
    agent = declarations.agents.get(config.agent)
    if agent is None or declarations.task_queue.backend != config.backend:
        what = f"agent {config.agent} is" if agent is None else f"task queue {config.backend} is"
        context.log.info(f"Not needed: {what} not declared any more")
        return None
    request = ClaimRequest(
        run_id=context.run_id,
        agent=agent.name,
        queue=config.queue,
        max_attempts=config.max_attempts,
        capabilities=frozenset(agent.capabilities),
        blocking=declarations.task_queue.for_queue(config.queue).blocking,
        link=f"{place.ui_url.rstrip('/')}/runs/{context.run_id}" if place.ui_url else None,
    )
    return AgentRun(
        engine=database.engine(),
        task_queue=open_task_queue(declarations.task_queue),
        agent=agent,
        run_key=config.run_key,
        task_id=config.task,
        request=request,
        clock=lambda: dt.datetime.now(dt.UTC),
    )


def _report(context: dg.OpExecutionContext, run: AgentRun, ended: Ended) -> None:
    """Fail the run unless the work succeeded."""
    said = f"Task {run.task_id}: {ended.detail}"
    if ended.ending is Ending.SUCCESS:
        context.log.info(said)
        return
    failure = _FAILURES.get(ended.ending, Failure.ERROR)
    record_failure(context.instance, context.run_id, failure, ended.detail, exit_code=ended.exit_code)
    raise dg.Failure(said, allow_retries=False)
