"""What a run is the only one of: a run key, an occurrence, an attempt at a task, a request.

Dagster looks for a run with the key and then adds one, so that two daemons, or a tick that is evaluated again
at another time, add two. Here the claim and the run are written in one statement, and the claim is a primary
key.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import (
    BACKFILL_ID_TAG,
    PARTITION_NAME_TAG,
    RUN_KEY_TAG,
    SCHEDULE_NAME_TAG,
    SCHEDULED_EXECUTION_TIME_TAG,
    SENSOR_NAME_TAG,
)

from scheduler_defs import tags
from scheduler_defs.execution.admission.completing import is_by_tick, is_stage
from scheduler_defs.tags import Trigger

_LONGEST = 300
"""Characters of a claim that stand in the database as they are; longer ones are told apart by a digest."""
_AGAIN = re.compile(r"\.\d+$")
"""The end of the run key of a second request for the same attempt at a task."""


class Lasts(StrEnum):
    """How long a claim holds."""

    FOR_EVER = "for_ever"
    """An occurrence runs once, also when its run was deleted."""
    WHILE_STORED = "while_stored"
    """A run key is free again when its run was deleted: Dagster's rule for sensors."""
    WHILE_LIVE = "while_live"
    """An attempt at a task may be given out again when the run before it has ended."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the run is the only one of, and for how long."""

    text: str
    lasts: Lasts


def claim_of(run: DagsterRun) -> Claim | None:
    """The claim of a completed run; None: there may be any number of such runs."""
    given = run.tags
    trigger = given.get(tags.TRIGGER)
    due = given.get(tags.SCHEDULED_FOR)
    if is_stage(run):
        return _claim(Lasts.WHILE_STORED, given[RUN_KEY_TAG])
    if tags.SCHEDULE in given and due and (trigger == Trigger.RUN_NOW or _is_tick_of_ours(run)):
        return _claim(Lasts.FOR_EVER, "occurrence", given[tags.SCHEDULE], _utc(due))
    if not is_by_tick(run):
        for request in tags.OF_ONE_REQUEST:
            value = given.get(request)
            if value and (not run.parent_run_id or tags.is_for_again(value, run.parent_run_id)):
                return _claim(Lasts.WHILE_STORED, "request", value)
        if BACKFILL_ID_TAG in given and PARTITION_NAME_TAG in given and not _follows_or_selects(run):
            return _claim(
                Lasts.WHILE_STORED,
                "backfill",
                given[BACKFILL_ID_TAG],
                run.job_name,
                given[PARTITION_NAME_TAG],
            )
        return None
    key = given.get(RUN_KEY_TAG)
    if trigger == Trigger.AGENT_QUEUE and key:
        return _claim(Lasts.WHILE_LIVE, _AGAIN.sub("", key))
    if SCHEDULE_NAME_TAG in given:
        # One run per tick, or per key and tick: as Dagster counts.
        at = given.get(SCHEDULED_EXECUTION_TIME_TAG, "")
        return _claim(Lasts.WHILE_STORED, "tick", _where(run), given[SCHEDULE_NAME_TAG], at, key or "")
    if SENSOR_NAME_TAG in given and key:
        return _claim(Lasts.WHILE_STORED, "key", _where(run), given[SENSOR_NAME_TAG], key)
    return None


def _is_tick_of_ours(run: DagsterRun) -> bool:
    return run.tags.get(tags.TRIGGER) == Trigger.SCHEDULE and is_by_tick(run)


def _follows_or_selects(run: DagsterRun) -> bool:
    return bool(run.parent_run_id or run.asset_selection or run.asset_check_selection)


def _where(run: DagsterRun) -> str:
    """Names are unique within a repository of a code location."""
    origin = run.remote_job_origin
    if origin is None:
        return ""
    repository = origin.repository_origin
    return f"{repository.code_location_origin.location_name}/{repository.repository_name}"


def _utc(instant: str) -> str:
    try:
        found = dt.datetime.fromisoformat(instant)
    except ValueError:
        return instant
    return found.astimezone(dt.UTC).isoformat() if found.tzinfo else instant


def _claim(lasts: Lasts, *parts: str) -> Claim:
    text = ":".join(parts)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"
    return Claim(text, lasts)


def is_over(lasts: Lasts, status: str | None, *, finished: frozenset[str]) -> bool:
    """Whether a claim may be taken over from the run in this status; None: that run was deleted."""
    match lasts:
        case Lasts.FOR_EVER:
            return False
        case Lasts.WHILE_STORED:
            return status is None
        case Lasts.WHILE_LIVE:
            return status is None or status in finished
