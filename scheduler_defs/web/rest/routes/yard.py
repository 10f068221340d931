"""The yard as it is: what is there, what holds it back, what is to come, and why."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from scheduler_defs import database
from scheduler_defs.access.table import Action, Subject
from scheduler_defs.acting import forecast as forecasts
from scheduler_defs.acting.agent_queues.agent_runs import GraphQLRuns
from scheduler_defs.acting.agent_queues.agents import agent_details, agent_objects, tell, tell_all
from scheduler_defs.acting.agent_queues.backlog import backlog_objects
from scheduler_defs.acting.agent_queues.budgets import allow, budget_objects
from scheduler_defs.acting.agent_queues.queues import pool_objects, queue_objects
from scheduler_defs.acting.agent_queues.upcoming import SHOWN, upcoming_objects
from scheduler_defs.acting.limits import limit_objects
from scheduler_defs.acting.place import announce
from scheduler_defs.declarations import BUILTIN_JOBS
from scheduler_defs.errors import UsageError
from scheduler_defs.explaining.facts import Sources, explain
from scheduler_defs.forecasting.document import document
from scheduler_defs.forecasting.replay import replay
from scheduler_defs.web.access.subjects import declared
from scheduler_defs.web.rest.asking import Asking, DryRun, Looking, Steering
from scheduler_defs.web.rest.routes.capabilities import FEATURES, version

router = APIRouter(tags=["yard"])
WINDOW = dt.timedelta(days=1)


class Telling(BaseModel):
    """Why."""

    reason: str | None = Field(None, max_length=500)


class Pausing(Telling):
    """Why, and until when."""

    until: AwareDatetime | None = Field(None, description="Absent: until it is resumed.")


@router.get("/capabilities")
def capabilities(asking: Looking) -> dict[str, Any]:
    """The version, the limits in force, the queues and agents, and what this installation can do."""
    place = asking.place()
    found = place.declarations
    return {
        "version": version(),
        "features": list(FEATURES),
        "task_queue": found.task_queue.backend,
        "jobs": sorted({*BUILTIN_JOBS, *found.jobs}),
        "queues": list(found.served_queues),
        "agents": [
            {
                "name": agent.name,
                "queues": list(agent.queues),
                "limit": agent.limit,
                "capabilities": list(agent.capabilities),
            }
            for agent in found.agents.values()
        ],
        "limits": limit_objects(place.engine, found),
    }


@router.get("/agents")
def agents(asking: Looking) -> list[dict[str, Any]]:
    """Every declared agent with its load and state."""
    return agent_objects(asking.place())


@router.get("/agents/{name}")
def agent(asking: Looking, name: str) -> dict[str, Any]:
    """One agent: its declaration, its state, and the tasks that it works on."""
    place = asking.place()
    return agent_details(place, place.agent(name))


@router.post("/agents/pause")
def pause_all(
    asking: Steering, given: Pausing | None = None, dry_run: DryRun = False
) -> list[dict[str, Any]]:
    """Give no agent new work until they are resumed, or `until`; what runs goes on."""
    return _tell_all(asking, "paused", given, dry_run)


@router.post("/agents/resume")
def resume_all(asking: Steering, dry_run: DryRun = False) -> list[dict[str, Any]]:
    """Let all agents take work again, also those that are passed over for failed starts."""
    return _tell_all(asking, "on", None, dry_run)


@router.post("/agents/{name}/pause")
def pause(
    asking: Steering, name: str, given: Pausing | None = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Give it no new work until it is resumed, or `until`; what runs goes on."""
    return _tell(asking, name, "paused", given, dry_run)


@router.post("/agents/{name}/resume")
def resume(asking: Steering, name: str, dry_run: DryRun = False) -> dict[str, Any]:
    """Let it take work again, also when it is passed over for failed starts."""
    return _tell(asking, name, "on", None, dry_run)


@router.post("/agents/{name}/drain")
def drain(
    asking: Steering, name: str, given: Telling | None = None, dry_run: DryRun = False
) -> dict[str, Any]:
    """Give it no new work and let it finish what runs: before it is removed."""
    return _tell(asking, name, "draining", given, dry_run)


@router.get("/queues")
def queues(asking: Looking) -> list[dict[str, Any]]:
    """Every queue that is served or has tasks; throughput and waits are of the last hour."""
    return queue_objects(asking.place())


@router.get("/upcoming-tasks")
def upcoming_tasks(
    asking: Looking,
    queue: Annotated[str | None, Query(max_length=128)] = None,
    agent: Annotated[str | None, Query(max_length=128)] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Of each queue.")] = SHOWN,
) -> dict[str, Any]:
    """Which task each agent gets next, in which order and why; and why the others wait."""
    now, runs = dt.datetime.now().astimezone(), GraphQLRuns(asking.require(Action.LOOK))
    return upcoming_objects(asking.place(), runs=runs, now=now, queue=queue, agent=agent, limit=limit)


@router.get("/limits")
def limits(_: Looking) -> list[dict[str, Any]]:
    """Each limit, its source, its use, and who waits; then the slots of live workers, by Celery queue."""
    return limit_objects(database.engine(), declared())


@router.get("/quotas")
def quotas(asking: Looking) -> list[dict[str, Any]]:
    """Every quota pool that agents draw on."""
    return pool_objects(asking.place())


@router.get("/budgets")
def budgets(asking: Looking) -> list[dict[str, Any]]:
    """Every budget: what is used of it, of how much, for each thing that it counts apart."""
    return budget_objects(asking.place())


@router.post("/budgets/{name}/allow")
def allow_more(asking: Steering, name: str, dry_run: DryRun = False) -> dict[str, Any]:
    """Allow as much again of what is used up."""
    place = asking.place()
    asking.require(Action.APPROVE)
    allowed = allow(place, name, by=asking.principal.name, dry_run=dry_run)
    if not dry_run:
        announce(place.engine, None)
    return {"name": name, "allowed": allowed}


@router.get("/forecast")
def forecast(
    asking: Looking,
    from_: Annotated[str | None, Query(alias="from", max_length=40)] = None,
    to: Annotated[str, Query(max_length=40, description="An instant, or how long from there: 12h.")] = "1d",
    timezone: Annotated[str | None, Query(max_length=64)] = None,
    slots: Annotated[int | None, Query(ge=1)] = None,
    assume: Annotated[str, Query(max_length=20)] = "1m",
) -> dict[str, Any]:
    """What will run when, against which limits, and where it will pile up."""
    place = forecasts.zone_of("timezone", timezone)
    begin, end = forecasts.window(from_, to, place, dt.datetime.now(dt.UTC))
    found = declared()
    known, basis = asking.known(found)
    assumed = forecasts.duration("assume", assume)
    course = forecasts.course(found, begin, end, known=known, place=place, assumed=assumed, slots=slots)
    now = dt.datetime.now(dt.UTC)
    tasks = {}
    if begin <= now < end:
        tasks = backlog_objects(asking.place(), now=now, until=end, assumed=assumed, zone=place)
    return {**document(course), "basis": basis, **tasks}


@router.get("/why/{subject:path}")
def why(asking: Looking, subject: str) -> dict[str, Any]:
    """Why a run, `task:ID`, `schedule:NAME[@TIME]` or `queue:NAME` is as it is; and what happens next."""
    client = asking.require(Action.LOOK)
    place = asking.place()
    sources = Sources(
        place.declarations,
        place.engine,
        lambda: client,
        lambda: place.task_queue,
        lambda: GraphQLRuns(client),
    )
    return explain(subject, sources, dt.datetime.now(dt.UTC).astimezone()).document()


@router.get("/prove")
def prove(
    _: Looking,
    from_: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    to: AwareDatetime | None = None,
    schedule: Annotated[str | None, Query(max_length=128, description="A name, which may hold *.")] = None,
) -> dict[str, Any]:
    """Recompute what was due, by default in the last day, and account for each."""
    now = dt.datetime.now(dt.UTC)
    end = to or now
    begin = from_ or end - WINDOW
    if end <= begin:
        raise UsageError(f"to ({end.isoformat()}) is not after from ({begin.isoformat()})")
    return replay(database.engine(), begin, end, now, schedule).document()


def _tell(asking: Asking, name: str, mode: str, given: Telling | None, dry_run: bool) -> dict[str, Any]:
    place = asking.place()
    for queue in place.agent(name).queues:
        asking.require(Action.STEER, Subject(queue=queue))
    return tell(
        place,
        name,
        mode,
        reason=given.reason if given else None,
        actor=asking.principal.name,
        until=given.until if isinstance(given, Pausing) else None,
        dry_run=dry_run,
    )


def _tell_all(asking: Asking, mode: str, given: Pausing | None, dry_run: bool) -> list[dict[str, Any]]:
    place = asking.place()
    for queue in place.declarations.served_queues:
        asking.require(Action.STEER, Subject(queue=queue))
    return tell_all(
        place,
        mode,
        reason=given.reason if given else None,
        actor=asking.principal.name,
        until=given.until if given else None,
        dry_run=dry_run,
    )
