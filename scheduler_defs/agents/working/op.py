"""What a run of `agent_task` does: see whether it is still needed, do the task, end as the task ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.addresses import PAGE, task_page
from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.deciding.claiming import ClaimRequest
from scheduler_defs.agents.pool.views import budgets_of
from scheduler_defs.agents.working.ended import Ended
from scheduler_defs.agents.working.run import AgentRun, NotClaimedError, work
from scheduler_defs.agents.working.transcript import Transcript
from scheduler_defs.agents.working.turns import Turns, clean_up
from scheduler_defs.declarations import current
from scheduler_defs.execution.failure import record_failure
from scheduler_defs.settings import Settings, settings
from scheduler_defs.tags import Failure

if TYPE_CHECKING:
    from scheduler_defs.agents.working.job import AgentTaskConfig

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
    declarations = current(place.config, place.state).declarations
    pool = declarations.quotas.get(run.agent.quota or "")
    turns = Turns(
        context,
        run.engine,
        config.backend,
        run.agent,
        task,
        place.recipes,
        place.config.parent,
        patterns=pool.patterns if pool else (),
        accept=declarations.task_queue.for_queue(config.queue).accept,
        budgets=run.budgets,
    )
    ended = work(run, turns)
    run.settle(ended, task, context.log)
    _note_tokens(context, ended.printed)
    clean_up(run.engine, turns, run.is_over)
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
        link=f"{place.public_url.rstrip('/')}/runs/{context.run_id}" if place.public_url else None,
    )
    return AgentRun(
        engine=context.resources.database.engine(),
        task_queue=context.resources.task_queue.open(),
        agent=agent,
        run_key=config.run_key,
        task_id=config.task,
        request=request,
        clock=context.resources.clock.now,
        budgets=budgets_of(declarations),
        quota=declarations.quotas.get(agent.quota or ""),
    )


def _note_tokens(context: dg.OpExecutionContext, printed: Transcript) -> None:
    """What was used, as tags of the run: history and metrics read them there."""
    found = {
        tags.TOKENS_FRESH: printed.tokens,
        tags.TOKENS_CACHED: printed.cached,
        tags.TOKENS_TURNS: printed.turns,
        tags.TOKENS_COST_USD: None if printed.cost_usd is None else round(printed.cost_usd, 6),
    }
    told = {name: str(value) for name, value in found.items() if value is not None}
    if told and context.instance.get_run_by_id(context.run_id) is not None:
        context.instance.add_run_tags(context.run_id, told)


def _report(context: dg.OpExecutionContext, run: AgentRun, ended: Ended) -> None:
    """Fail the run unless the work succeeded."""
    said = f"Task {run.task_id}: {ended.detail}"
    if ended.ending in (Ending.SUCCESS, Ending.RATE_LIMITED, Ending.QUESTION, Ending.BUDGET):
        # The turn has ended, and nothing has failed: the task waits for its provider, or for people.
        context.log.info(said)
        return
    failure = _FAILURES.get(ended.ending, Failure.ERROR)
    record_failure(context.instance, context.run_id, failure, ended.detail, exit_code=ended.exit_code)
    page = dg.MetadataValue.url(task_page(run.task_id))
    raise dg.Failure(said, metadata={PAGE: page}, allow_retries=False)
