"""What a run of `agent_landing` does."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.landing.carrying_out import Checks, RunCommands
from scheduler_defs.agents.landing.lander import Lander, NotLandedError
from scheduler_defs.agents.landing.landings import Landing
from scheduler_defs.agents.pool.views import wait_before_next
from scheduler_defs.agents.workspaces.checks import first_failure
from scheduler_defs.agents.workspaces.mirror import mirror_of
from scheduler_defs.agents.workspaces.worktree import identity
from scheduler_defs.declarations import current
from scheduler_defs.execution.failure import record_failure
from scheduler_defs.jobs.commands.artifacts.folders import run_folder
from scheduler_defs.jobs.commands.running.env import command_environment
from scheduler_defs.private import make_private
from scheduler_defs.settings import settings
from scheduler_defs.tags import Failure

if TYPE_CHECKING:
    from scheduler_defs.agents.working.landing.job import AgentLandingConfig


def do(context: dg.OpExecutionContext, config: AgentLandingConfig) -> None:
    """Land what waits. Raises dagster.Failure when something else than the work is in the way."""
    place = settings()
    declarations = current(place.config, place.state).declarations
    mirror = mirror_of(config.repository, place.state)
    make_private(mirror.folder)
    kept = run_folder(place.artifacts, context.run_id)

    def commands_of(landing: Landing) -> RunCommands:
        cache = make_private(mirror.folder / "cache")
        facts = {"SIGNALBOX_TASK": str(landing.task_id), "SIGNALBOX_RUN": context.run_id, **identity("")}
        facts |= {"SIGNALBOX_CACHE": str(cache), "SIGNALBOX_BASE": f"origin/{landing.base}"}
        environment = command_environment(os.environ, Checks.read(landing.checks).env, facts)

        def run(
            commands: Sequence[Sequence[str]], folder: Path, timeout: dt.timedelta, why: str
        ) -> str | None:
            file = make_private(kept) / f"landing-{landing.task_id}.txt"
            failed = first_failure(commands, environment, folder, timeout=timeout, why=why, keep=file)
            return None if failed is None else failed.text()

        return run

    def wait(landing: Landing) -> dt.timedelta | None:
        agent = declarations.agents.get(landing.agent)
        return wait_before_next(agent, landing.attempt, Ending.ERROR, exit_code=None, task_id=landing.task_id)

    lander = Lander(
        engine=context.resources.database.engine(),
        task_queue=context.resources.task_queue.open(),
        mirror=mirror,
        run=commands_of,
        wait=wait,
        log=context.log,
        clock=context.resources.clock.now,
    )
    try:
        done = lander.land_all()
    except NotLandedError as error:
        record_failure(context.instance, context.run_id, Failure.ERROR, str(error))
        raise dg.Failure(str(error), allow_retries=False) from error
    context.log.info(", ".join(f"task {task} {ending}" for task, ending in done) or "nothing to land")
