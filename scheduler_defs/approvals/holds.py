"""Which approvals a new run needs, by the declarations in force when it is created."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scheduler_defs import tags
from scheduler_defs.approvals.stages import gates_of
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.settings import settings

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.approvals import Approve
    from scheduler_defs.declarations.models.declared import Declarations, Job


@dataclass(frozen=True, slots=True)
class Hold:
    """One approval that a run waits for. `seconds`: how long at most. `policy`, `about`: JSON."""

    source: str
    needs: int
    seconds: float | None
    policy: str
    about: str


def holds_of(
    declarations: Declarations,
    job_name: str,
    run_tags: Mapping[str, str],
    agent: str | None = None,
    *,
    makes_of: Collection[str] = (),
    goes_on: bool = False,
) -> list[Hold]:
    """One for each declaration that wants one: the job, its location, the schedule, the agent, the limits.

    `job_name` is Dagster's, or LOCATION/JOB; tags may say anything, and take nothing away that the job wants.
    `agent`: who does the task, where no tag says so. `makes_of`: the jobs whose assets the run makes, in
    whatever job. `goes_on`: after a run that was agreed to, and so needs what the steps want, and no more.
    """
    location = declarations.locations.get(job_name.partition("/")[0]) if "/" in job_name else None
    schedule = declarations.schedules.get(run_tags.get(tags.SCHEDULE, ""))
    doer = declarations.agents.get(run_tags.get(tags.AGENT) or agent or "")
    jobs = [
        each
        for each in declarations.jobs.values()
        if dagster_name(each.name) == job_name or each.name in makes_of
    ]
    holds: dict[str, Hold] = {}
    for job in jobs or [None]:
        owner = (schedule.owner if schedule else None) or (job.owner if job else None)
        about = {
            "job": job.name if job else run_tags.get(tags.JOB, job_name),
            "schedule": run_tags.get(tags.SCHEDULE),
            "queue": run_tags.get(tags.QUEUE),
            "owner": owner,
        }
        said = json.dumps({name: value for name, value in about.items() if value is not None})
        wanted = [
            ("location", location.name if location else "", location.approve if location else None),
            ("job", job.name if job else "", job.approve if job else None),
            ("schedule", schedule.name if schedule else "", schedule.approve if schedule else None),
            ("agent", doer.name if doer else "", doer.approve if doer else None),
            *_limits(declarations, run_tags),
        ]
        gates = gates_of(run_tags) | (frozenset() if goes_on or job is None else job.gated_at_start)
        for kind, name, policy in [*(() if goes_on else wanted), *_steps(job, gates)]:
            if policy is not None:
                holds.setdefault(f"{kind}:{name}", _hold(f"{kind}:{name}", policy, said))
    return list(holds.values())


def holds_now(
    job_name: str,
    run_tags: Mapping[str, str],
    run_config: Mapping[str, Any],
    *,
    makes_of: Collection[str] = (),
    goes_on: bool = False,
) -> list[Hold]:
    """The same, by what is in force at this moment. Raises OSError when the files cannot be read at all."""
    from scheduler_defs.declarations import current

    place = settings()
    found = current(place.config, place.state).declarations
    agent = _agent_of(run_config)
    return holds_of(found, job_name, run_tags, agent, makes_of=makes_of, goes_on=goes_on)


def _steps(job: Job | None, gates: Collection[str]) -> Iterator[tuple[str, str, Approve | None]]:
    for step in (job.steps or {}).values() if job else ():
        if step.name in gates or dagster_name(step.name) in gates:
            yield "step", f"{job.name if job else ''}/{step.name}", step.approve


def _limits(
    declarations: Declarations, run_tags: Mapping[str, str]
) -> Iterator[tuple[str, str, Approve | None]]:
    for limit in declarations.limits:
        if limit.key in run_tags and limit.value in (None, run_tags[limit.key]):
            yield "limit", limit.name, limit.approve


def _hold(source: str, policy: Approve, about: str) -> Hold:
    seconds = policy.within.total_seconds() if policy.within is not None else None
    return Hold(source, policy.needs, seconds, policy.model_dump_json(), about)


def _agent_of(run_config: Mapping[str, Any]) -> str | None:
    """The agent of a task's run that somebody has launched by hand."""
    found: Any = run_config
    for key in ("ops", "agent_task_do", "config", "agent"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None
