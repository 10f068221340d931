"""Load a folder of declarations: every fault in one pass, and what is left without the faulty ones."""

from __future__ import annotations

import datetime as dt
import gc
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from scheduler_defs.declarations.building.access import build_access
from scheduler_defs.declarations.building.agents import build_agent, build_quota, build_task_queue
from scheduler_defs.declarations.building.budgets import build_budget, build_price
from scheduler_defs.declarations.building.common import collisions
from scheduler_defs.declarations.building.jobs import build_job
from scheduler_defs.declarations.building.others import (
    build_alerts,
    build_directive,
    build_limit,
    build_reports,
)
from scheduler_defs.declarations.building.schedules.schedule import (
    Surroundings,
    build_schedule,
    read_defaults,
)
from scheduler_defs.declarations.building.settings.audit import build_audit
from scheduler_defs.declarations.building.settings.locations import build_location
from scheduler_defs.declarations.building.settings.resources import build_resources
from scheduler_defs.declarations.building.settings.retention import build_retention
from scheduler_defs.declarations.building.triggers import build_trigger, one_each
from scheduler_defs.declarations.models.declared import Agent, Declarations, Job, Problem
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.declarations.reading.collecting import Collected, collect
from scheduler_defs.declarations.reading.faults import Entry, Faults
from scheduler_defs.declarations.reading.own_code import own_code
from scheduler_defs.declarations.reading.sources import Sources, read_sources

_log = logging.getLogger("signalbox.declarations")

_OF_UPKEEP = frozenset({"retention", "database_backup", "database_drill", "schedule_review"})
_OF_AGENTS = frozenset({"agent_task", "agent_landing"})
BUILTIN_JOBS = _OF_UPKEEP | _OF_AGENTS | {"log_triage", "service_map", "gpu_report", "one_command"}
"""Jobs written in Python, which schedules may name and declared jobs may not redefine."""

BUILTIN_SENSORS = frozenset({"declarations", "retries", "alerts", "maintenance", "audit_checkpoints"})
"""Sensors share their names with schedules in Dagster. Agent queues' are `agent_queue_<queue>`."""

_Built = TypeVar("_Built")


@dataclass(frozen=True)
class LoadResult:
    """The faultless part of the files, all that is wrong with them, and the files as they were read."""

    declarations: Declarations
    problems: tuple[Problem, ...]
    sources: Sources
    notes: tuple[Problem, ...] = ()
    """What is worth knowing and no fault."""


def jobs_without_declaration(config_dir: Path) -> frozenset[str]:
    """The built-in jobs, and those that the user's Python beside the folder defines."""
    return BUILTIN_JOBS | own_code(config_dir).jobs


def load(
    config_dir: Path,
    *,
    known_jobs: Collection[str] | None = None,
    recipes: Path | None = None,
    now: dt.datetime | None = None,
    label: str | None = None,
) -> LoadResult:
    """Read, check and build all declarations of a folder. Never raises for what the files say.

    `known_jobs` are the jobs that need no declaration; by default the built-in ones, and those in Python
    beside the folder. `recipes` is the folder of the agents' recipes; by
    default the one beside the folder. With `now` (aware), an `at` that has passed is noted. `label` is the
    folder's name in positions; by default its own.
    """
    sources = read_sources(config_dir)
    known_jobs = jobs_without_declaration(config_dir) if known_jobs is None else known_jobs
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
    except Exception as error:
        # A slip of ours must not stop what works: it is a fault of this set, and the last good one stays.
        _log.exception("the declarations in %s cannot be read", label)
        said = " ".join(str(error).split())[:200]
        faults.add(label, 1, 1, "", f"cannot be read ({type(error).__name__}): {said}")
        declarations = Declarations(fingerprint=sources.fingerprint)
    finally:
        if collecting:
            gc.enable()
    return LoadResult(declarations, faults.in_order(), sources, faults.notes_in_order())


def _build_all(
    collected: Collected,
    sources: Sources,
    known_jobs: Collection[str],
    recipes: Path,
    now: dt.datetime | None,
    label: str,
) -> Declarations:
    quotas = _each(collected.of("quotas"), build_quota)
    known_quotas = collected.of("quotas").keys()
    prices = {**dict.fromkeys(collected.of("prices")), **_each(collected.of("prices"), build_price)}
    agents = _each(collected.of("agents"), lambda entry: build_agent(entry, recipes, known_quotas, prices))
    agents = _with_clear_queues(agents, collected.of("agents"))
    served = _queues(agents)
    named = collected.of("agents").keys()
    budgets = _each(collected.of("budgets"), lambda entry: build_budget(entry, named, served))
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
        locations=collected.of("locations").keys(),
        now=now,
    )
    taken = dict.fromkeys(BUILTIN_SENSORS, "a sensor of the program")
    taken |= {f"agent_queue_{dagster_name(queue)}": "the sensor of an agent queue" for queue in served}
    collisions(collected.of("schedules"), taken)
    schedules = _each(collected.of("schedules"), lambda entry: build_schedule(entry, defaults, around))
    limits = _each(collected.of("limits"), build_limit)
    triggers = _each(collected.of("triggers"), lambda entry: build_trigger(entry, jobs, around))
    return Declarations.model_construct(
        schedules=schedules,
        jobs=jobs,
        limits=tuple(limits.values()),
        directives=directives,
        quotas=quotas,
        budgets=budgets,
        agents=agents,
        task_queue=build_task_queue(collected.single["task_queue"], served, recipes),
        alerts=alerts,
        resources=build_resources(collected.single["resources"], alerts.channels.keys()),
        reports=build_reports(collected.single["reports"]),
        access=build_access(collected.single["access"]),
        retention=build_retention(collected.single["retention"]),
        triggers=one_each(triggers, collected.of("triggers")),
        locations=_each(collected.of("locations"), build_location),
        audit=build_audit(collected.single["audit"]),
        fingerprint=sources.fingerprint,
        sources=tuple(f"{label}/{name}" for name in sources.files),
    )


def _jobs(collected: Collected, known_jobs: Collection[str]) -> dict[str, Job]:
    taken = {
        dagster_name(name): "a built-in job" if name in BUILTIN_JOBS else "a job in jobs/*.py"
        for name in known_jobs
    }
    collisions(collected.of("jobs"), taken)
    return _each(collected.of("jobs"), build_job)


def _with_clear_queues(agents: Mapping[str, Agent], entries: Mapping[str, Entry]) -> dict[str, Agent]:
    """The agents whose queues Dagster can tell apart: each queue is a sensor, and `a-b` is `a_b` there."""
    names: dict[str, tuple[str, str]] = {}
    clear: dict[str, Agent] = {}
    for agent in agents.values():
        for queue in agent.queues:
            other, by = names.setdefault(dagster_name(queue), (queue, agent.name))
            if other != queue:
                entry = entries[agent.name]
                entry.fault(
                    f"the queues {queue!r} and {other!r} (of the agent {by!r}) are the same name in Dagster;"
                    " rename one",
                    "queue" if "queue" in entry.node.children else "queues",
                )
                break
        else:
            clear[agent.name] = agent
    return clear


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
