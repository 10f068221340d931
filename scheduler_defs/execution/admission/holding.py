"""Which approvals a run waits for, and who has asked for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dagster._core.storage.dagster_run import DagsterRun

from scheduler_defs import tags
from scheduler_defs.approvals.holds import Hold, holds_now
from scheduler_defs.audit.entries import SYSTEM, acting
from scheduler_defs.execution.admission.completing import is_retry, is_stage
from scheduler_defs.execution.admission.job_settings import other_location
from scheduler_defs.execution.process import is_persons_process


def holds_of(run: DagsterRun, makes_of: Collection[str] = ()) -> Sequence[Hold]:
    """By the declarations in force now. The next attempt of a run goes on under what its first was given;
    a run that goes on with a job needs what people must say to its steps, and nothing else again.

    Only the daemon makes those: what a person launches is no attempt, whatever it says of itself.
    `makes_of`: the jobs whose assets it makes; its own need not be among them.
    """
    if is_retry(run) and acting() == SYSTEM and not is_persons_process():
        return ()
    goes_on = is_stage(run) and acting() == SYSTEM and not is_persons_process()
    location = other_location(run)
    job = run.job_name if location is None else f"{location}/{run.job_name}"
    return holds_now(job, run.tags, run.run_config, makes_of=makes_of, goes_on=goes_on)


def requester(run: DagsterRun) -> str:
    """Whoever the request is for, where a door knows it; else as the run's tags say."""
    who = acting()
    return run.tags.get(tags.ACTOR, "") if who == SYSTEM else who.actor
