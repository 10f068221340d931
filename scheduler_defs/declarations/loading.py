"""Load a folder of declarations: every fault in one pass, and what is left without the faulty ones."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from scheduler_defs.declarations.building.agents import build_agent, build_task_queue
from scheduler_defs.declarations.building.common import collisions
from scheduler_defs.declarations.building.jobs import build_job
from scheduler_defs.declarations.building.others import build_alerts, build_directive, build_limit
from scheduler_defs.declarations.building.schedules import Surroundings, build_schedule, read_defaults
from scheduler_defs.declarations.collecting import Collected, collect
from scheduler_defs.declarations.faults import Entry, Faults
from scheduler_defs.declarations.models import Agent, Declarations, Job, Problem
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.declarations.sources import Sources, read_sources

BUILTIN_JOBS = frozenset({"log_triage", "service_map", "gpu_report", "agent_task"})
"""Jobs written in Python, which schedules may name and declared jobs may not redefine."""

BUILTIN_SENSORS = frozenset({"declarations", "retries", "alerts", "maintenance"})
"""Sensors share their names with schedules in Dagster. Agent queues' are `agent_queue_<queue>`."""

_Built = TypeVar("_Built")


@dataclass(frozen=True)
class LoadResult:
    """The faultless part of the files, all that is wrong with them, and the files as they were read."""

    declarations: Declarations
    problems: tuple[Problem, ...]
    sources: Sources


def load(
    config_dir: Path,
    *,
    known_jobs: Collection[str] = BUILTIN_JOBS,
    recipes: Path | None = None,
    now: dt.datetime | None = None,
    label: str | None = None,
) -> LoadResult:
    """Read, check and build all declarations of a folder. Never raises for what the files say.

    `known_jobs` are the jobs that need no declaration. `recipes` is the folder of the agents' recipes; by
    default the one beside the folder. With `now` (aware), an `at` that has passed is a fault. `label` is the
    folder's name in positions; by default its own.
    """
    sources = read_sources(config_dir)
    return build(
        sources,
        known_jobs=known_jobs,
        recipes=recipes or config_dir.parent / "recipes",
        now=now,
        label=label or config_dir.name,
    )


def build(
    sources: Sources, *, known_jobs: Collection[str], recipes: Path, now: dt.datetime | None, label: str
) -> LoadResult:
    """The same for files that have been read already."""
    faults = Faults()
    # Ten thousand schedules are a million small objects, and none of them is garbage: the collector would
    # only walk them again and again.
    collecting = gc.isenabled()
    gc.disable()
    try:
        collected = collect(sources, label, faults)
        declarations = _build_all(collected, sources, known_jobs, recipes, now, label)
    finally:
        if collecting:
            gc.enable()
    return LoadResult(declarations, faults.in_order(), sources)


def _build_all(
    collected: Collected,
    sources: Sources,
    known_jobs: Collection[str],
    recipes: Path,
    now: dt.datetime | None,
    label: str,
) -> Declarations:
    agents = _each(collected.of("agents"), lambda entry: build_agent(entry, recipes))
    served = _queues(agents)
    alerts = build_alerts(collected.single["alerts"])
    directives = _each(collected.of("directives"), build_directive)
    jobs = _jobs(collected, known_jobs)
    defaults = read_defaults(collected.single["defaults"])
    around = Surroundings(
        job_names={*collected.of("jobs"), *known_jobs},
        jobs=jobs,
        known_jobs=known_jobs,
        directives=collected.of("directives").keys(),
        channels=alerts.channels.keys(),
        queues=served,
        now=now,
    )
    taken = dict.fromkeys(BUILTIN_SENSORS, "a sensor of the program")
    taken |= {f"agent_queue_{dagster_name(queue)}": "the sensor of an agent queue" for queue in served}
    collisions(collected.of("schedules"), taken)
    schedules = _each(collected.of("schedules"), lambda entry: build_schedule(entry, defaults, around))
    limits = _each(collected.of("limits"), build_limit)
    return Declarations.model_construct(
        schedules=schedules,
        jobs=jobs,
        limits=tuple(limits.values()),
        directives=directives,
        agents=agents,
        task_queue=build_task_queue(collected.single["task_queue"], served, recipes),
        alerts=alerts,
        fingerprint=sources.fingerprint,
        sources=tuple(f"{label}/{name}" for name in sources.files),
    )


def _jobs(collected: Collected, known_jobs: Collection[str]) -> dict[str, Job]:
    taken = {dagster_name(name): "a built-in job" for name in known_jobs}
    collisions(collected.of("jobs"), taken)
    return _each(collected.of("jobs"), build_job)


def _queues(agents: Mapping[str, Agent]) -> set[str]:
    return {queue for agent in agents.values() for queue in agent.queues}


def _each(entries: Mapping[str, Entry], build_one: Callable[[Entry], _Built | None]) -> dict[str, _Built]:
    """What can be built, by name. An entry that has a fault already is still read, for its other faults."""
    built: dict[str, _Built] = {}
    for name, entry in entries.items():
        one = build_one(entry)
        if one is not None and not entry.faulty:
            built[name] = one
    return built
