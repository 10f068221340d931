"""Schedules: defaults merged in, rule and policies read, names resolved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

from scheduler_defs import timing
from scheduler_defs.declarations.building.common import approve, check_retries, retries, unknown_name
from scheduler_defs.declarations.building.elsewhere import RUN_CONFIG, is_elsewhere, read_elsewhere
from scheduler_defs.declarations.building.params import check_config
from scheduler_defs.declarations.building.schedules.conditions import read_condition
from scheduler_defs.declarations.building.schedules.conditions import text as condition_text
from scheduler_defs.declarations.building.schedules.timing import (
    check_satisfiable,
    read_policies,
    read_spec,
    rule_given,
)
from scheduler_defs.declarations.models.declared import Condition, Fire, Job, Overlap, Schedule
from scheduler_defs.declarations.reading.faults import Entry, Fallback
from scheduler_defs.declarations.reading.tree import Node
from scheduler_defs.declarations.written.explaining import ambiguous_words, read_entry
from scheduler_defs.declarations.written.schedules import ScheduleDefaults, ScheduleEntry

_JOBS_TOO = ("retries", "timeout", "priority", "expected", "owner")
"""Keys that a job may have as well as a schedule."""


@dataclass(frozen=True)
class Surroundings:
    """What a schedule may refer to. `job_names` are those of all jobs, faulty ones included."""

    job_names: Collection[str]
    jobs: Mapping[str, Job]
    known_jobs: Collection[str]
    directives: Collection[str]
    channels: Collection[str]
    queues: Collection[str]
    locations: Collection[str]
    now: dt.datetime | None


@dataclass(frozen=True)
class Defaults:
    """What `defaults:` of all files say: values by key, where they are written, and which keys are faulty."""

    values: Mapping[str, Any]
    written: Fallback | None
    faulty: Collection[str]


def read_defaults(entries: list[Entry]) -> Defaults:
    """All `defaults:` together. A key given in two files is a fault that names the other place."""
    values: dict[str, Any] = {}
    given_by: dict[str, Entry] = {}
    faulty: set[str] = set()
    merged = Node({}, 1, 1)
    for entry in entries:
        if read_entry(entry, ScheduleDefaults) is None:
            continue
        faulty |= entry.dropped
        for key, child in entry.node.children.items():
            if key in given_by:
                first = given_by[key].place_of(key)
                entry.fault(f"is given already, at {first}", key, on_key=True)
                faulty.add(key)
            elif key not in entry.dropped and child.value is not None:
                given_by[key] = entry
                values[key] = child.value
                merged.children[key], merged.keys[key] = child, entry.node.keys[key]
    if not values:
        return Defaults(values, None, faulty)
    files = {key: entry.file for key, entry in given_by.items()}
    return Defaults(values, Fallback(("defaults",), merged, files), faulty)


def build_schedule(entry: Entry, defaults: Defaults, around: Surroundings) -> Schedule | None:
    """The schedule, or None and faults noted."""
    given = entry.node.value
    if defaults.values and isinstance(given, dict):
        entry.fallback = defaults.written
        given = _merged(defaults.values, cast("dict[str, Any]", given), around.jobs)
    written = read_entry(entry, ScheduleEntry, given)
    if written is None:
        return None
    # What it would have taken from a faulty default is unknown: better not to run at all.
    relies_on_faulty = any(key not in entry.node.children for key in defaults.faulty)
    if written.job is None and written.assets is None and not entry.dropped & {"job", "assets"}:
        entry.fault("the key 'job' is missing")
    elsewhere = read_elsewhere(
        entry,
        job=written.job,
        assets=written.assets,
        partition=written.partition,
        locations=around.locations,
        config=written.config,
    )
    of_ours = written.assets is None and not is_elsewhere(written.job)
    if not of_ours and written.directive is not None:
        entry.fault("jobs of other locations take no directive", "directive")
    if of_ours and written.catch_up is not None and written.catch_up.policy == "backfill":
        entry.fault("backfill is for jobs and assets of other locations: LOCATION/JOB", "catch_up")
    rule = rule_given(entry, written)
    read = None if rule is None else read_spec(entry, written, rule)
    policies = read_policies(entry, written)
    when = None if written.when is None else read_condition(entry, written.when, "when")
    check_retries(entry, written.retries)
    _check_names(entry, written, around)
    if read is None or policies is None:
        return None
    kind, spec = read
    check_satisfiable(entry, spec, policies, around.now)
    job = written.job if written.assets is None else written.assets
    if entry.faulty or relies_on_faulty or job is None:
        return None
    if elsewhere is None and job not in around.jobs and job not in around.known_jobs:
        return None
    return Schedule.model_construct(
        name=entry.name,
        job=job,
        timing=spec,
        kind=kind,
        spec=_text(spec, when),
        timezone=written.timezone,
        source=entry.position,
        policies=policies,
        enabled=written.enabled,
        overlap=Overlap(written.overlap),
        max_global=written.max_global,
        max_per_job=written.max_per_job,
        priority=written.priority or 0,
        retries=retries(written.retries),
        timeout=written.timeout,
        expected=written.expected,
        directive=written.directive,
        config=written.config,
        tags=written.tags or {},
        owner=written.owner,
        description=written.description,
        notify=tuple(written.notify or ()),
        heartbeat_env=written.heartbeat_env,
        when=when,
        fire=Fire(written.fire),
        cooldown=written.cooldown,
        approve=approve(written.approve),
        elsewhere=elsewhere,
    )


def _merged(defaults: Mapping[str, Any], given: dict[str, Any], jobs: Mapping[str, Job]) -> dict[str, Any]:
    """The entry over the defaults: mappings key by key, else as a whole; null takes a default away.

    What the job says of itself comes before a default, which is there for those who say nothing.
    """
    job = jobs.get(str(given.get("job")))
    said = {key for key in _JOBS_TOO if job is not None and getattr(job, key)} - given.keys()
    merged = {key: value for key, value in {**defaults, **given}.items() if key not in said}
    for key in defaults.keys() & given.keys():
        ours, theirs = given[key], defaults[key]
        if isinstance(ours, dict) and isinstance(theirs, dict):
            merged[key] = {**theirs, **ours}
    return merged


def _text(spec: timing.Spec, when: Condition | None) -> str:
    rule = timing.text(spec)
    return rule if when is None else f"{rule} when {condition_text(when)}"


def _check_names(entry: Entry, written: ScheduleEntry, around: Surroundings) -> None:
    if written.job is not None and not is_elsewhere(written.job) and written.job not in around.job_names:
        entry.fault(unknown_name("job", written.job, around.job_names), "job")
    if written.directive is not None and written.directive not in around.directives:
        entry.fault(unknown_name("directive", written.directive, around.directives), "directive")
    for index, channel in enumerate(written.notify or ()):
        if channel not in around.channels:
            entry.fault(unknown_name("alert channel", channel, around.channels), "notify", index)
    if written.config:
        ambiguous_words(entry, "config")
    job = None if written.job is None else around.jobs.get(written.job)
    if job is not None and not RUN_CONFIG & written.config.keys():
        check_config(entry, job.params, written.config)
    queue = written.config.get("queue") if written.job == "agent_task" else None
    if queue is not None and queue not in around.queues:
        entry.fault(f"no agent serves the queue {queue!r}", "config", "queue")
