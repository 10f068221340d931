"""Which approvals a new run needs, by the declarations in force when it is created."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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

    @property
    def of_step(self) -> bool:
        """Whether it is for a step of a job, and not for all of a run."""
        return self.source.startswith("step:")


def holds_of(
    declarations: Declarations, job_name: str, run_tags: Mapping[str, str], agent: str | None = None
) -> list[Hold]:
    """One for each declaration that wants one: the job, its location, the schedule, the agent, the limits.

    `job_name` is Dagster's, or LOCATION/JOB; tags may say anything, and take nothing away that the job wants.
    `agent`: who does the task, where no tag says so.
    """
    location = declarations.locations.get(job_name.partition("/")[0]) if "/" in job_name else None
    job = next((each for each in declarations.jobs.values() if dagster_name(each.name) == job_name), None)
    schedule = declarations.schedules.get(run_tags.get(tags.SCHEDULE, ""))
    owner = (schedule.owner if schedule else None) or (job.owner if job else None)
    about = {
        "job": job.name if job else run_tags.get(tags.JOB, job_name),
        "schedule": run_tags.get(tags.SCHEDULE),
        "queue": run_tags.get(tags.QUEUE),
        "owner": owner,
    }
    said = json.dumps({name: value for name, value in about.items() if value is not None})
    doer = declarations.agents.get(run_tags.get(tags.AGENT) or agent or "")
    wanted = [
        ("location", location.name if location else "", location.approve if location else None),
        ("job", job.name if job else "", job.approve if job else None),
        ("schedule", schedule.name if schedule else "", schedule.approve if schedule else None),
        ("agent", doer.name if doer else "", doer.approve if doer else None),
        *_steps(job, run_tags),
        *_limits(declarations, run_tags),
    ]
    return [_hold(f"{kind}:{name}", policy, said) for kind, name, policy in wanted if policy is not None]


def holds_now(job_name: str, run_tags: Mapping[str, str], run_config: Mapping[str, Any]) -> list[Hold]:
    """The same, by what is in force at this moment. Raises OSError when the files cannot be read at all."""
    from scheduler_defs.declarations import current

    place = settings()
    found = current(place.config, place.state).declarations
    return holds_of(found, job_name, run_tags, _agent_of(run_config))


def _steps(job: Job | None, run_tags: Mapping[str, str]) -> Iterator[tuple[str, str, Approve | None]]:
    gates = gates_of(run_tags)
    for step in (job.steps or {}).values() if job and gates else ():
        if dagster_name(step.name) in gates:
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
