"""What a run must carry before it may start, whoever launches it. Pure.

A schedule's tick, the launchpad, GraphQL, `dagster job launch`, a sensor of somebody's own, a backfill:
Dagster gives each of them other tags (its `launchRun` leaves out the job's `run_tags`), but limits, retries,
time-outs, queues and history all go by tags. So what is missing is filled in here, from what the job
declares, and what belongs to another run is taken out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import (
    BACKFILL_ID_TAG,
    PARENT_RUN_ID_TAG,
    ROOT_RUN_ID_TAG,
    RUN_KEY_TAG,
    SCHEDULE_NAME_TAG,
    SCHEDULED_EXECUTION_TIME_TAG,
    SENSOR_NAME_TAG,
    TICK_ID_TAG,
)

from scheduler_defs import tags
from scheduler_defs.approvals.stages import stage_key
from scheduler_defs.execution.admission.values import (
    MAX_RUNTIME_KEYS,
    max_runtime_of,
    priority_of,
    read_attempts,
    unusable,
    usable,
    why_unusable,
)
from scheduler_defs.retries.backoff import read_policy, retry_key
from scheduler_defs.tags import Trigger

REQUIRED = (tags.JOB, tags.TRIGGER, tags.ATTEMPT, tags.MAX_ATTEMPTS)
"""Tags without which no run starts."""

_OF_ONE_LAUNCH = frozenset(
    {
        *(tags.ATTEMPT, tags.TRIGGER, tags.ACTOR, tags.REASON, tags.MISSED, tags.ROOT_RUN, tags.IGNORED),
        *tags.OF_ONE_REQUEST,
        *(RUN_KEY_TAG, TICK_ID_TAG, SCHEDULED_EXECUTION_TIME_TAG),
    }
)
"""What belongs to one launch, and is not its own in whoever copies that run's tags."""
_SHOWN = 100
"""Characters of a value that cannot be used."""
_BY_TICKS = frozenset({Trigger.SCHEDULE, Trigger.RETRY, Trigger.AGENT_QUEUE, Trigger.SENSOR})


@dataclass(frozen=True)
class JobDeclares:
    """What a job says about its runs: their tags, and the Signalbox job that its assets belong to, if any.

    `makes_of`: all such jobs, where it makes other things as well.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    job: str | None = None
    makes_of: frozenset[str] = frozenset()


def is_retry(run: DagsterRun) -> bool:
    """Whether the run is the next attempt of its parent. A re-execution is not: it is a launch of its own."""
    parent = run.parent_run_id or run.tags.get(PARENT_RUN_ID_TAG)
    return parent is not None and run.tags.get(RUN_KEY_TAG) == retry_key(parent)


def is_stage(run: DagsterRun) -> bool:
    """Whether the run goes on where its parent ended: before a step to which people must agree."""
    parent = _parent(run)
    return parent is not None and run.tags.get(RUN_KEY_TAG) == stage_key(parent)


def is_by_tick(run: DagsterRun) -> bool:
    """Whether a tick of a schedule or sensor asks for the run, and not somebody who copies such a run's tags.

    Of a schedule's run the launchpad copies the tick, but not when it was due, which is hidden there.
    """
    if TICK_ID_TAG not in run.tags or (
        SCHEDULE_NAME_TAG in run.tags and SCHEDULED_EXECUTION_TIME_TAG not in run.tags
    ):
        return False
    return is_retry(run) or is_stage(run) or not _parent(run)


def missing(run_tags: Mapping[str, str]) -> list[str]:
    """Which of the required tags a run does not have. A run that misses any was not admitted."""
    return [key for key in REQUIRED if key not in run_tags]


def complete(run: DagsterRun, declared: JobDeclares, person: str, *, asked: bool = False) -> DagsterRun:
    """The run with everything that it needs. `person`: who is acting here, when a person is.

    `asked`: whether the API asks for it, whose requests are done once. Elsewhere it would be a copied tag.

    What the launch says wins over what its job declares. Doing it twice changes nothing.
    """
    retry, parent = is_retry(run) or is_stage(run), _parent(run)
    given = {key: value for key, value in run.tags.items() if key not in tags.OF_ONE_ATTEMPT}
    if not retry and (parent or (not is_by_tick(run) and RUN_KEY_TAG in given)):
        # Copied from a run by a re-execution, or by "open in launchpad".
        own = parent and tags.is_for_again(given.get(tags.REQUEST), parent)
        copied = _OF_ONE_LAUNCH - {tags.REQUEST} if own else _OF_ONE_LAUNCH
        given = {key: value for key, value in given.items() if key not in copied}
    if not asked and not retry:
        given = {key: value for key, value in given.items() if key not in tags.OF_ONE_REQUEST}
    ignored = {**unusable(declared.tags), **unusable(given)}
    found = {**usable(declared.tags), **usable(given)}
    if ignored:
        found[tags.IGNORED] = json.dumps(ignored)
    found.setdefault(tags.JOB, declared.job or run.job_name)
    found[tags.TRIGGER] = str(_trigger(run, given))
    _complete_attempts(found)
    if actor := given.get(tags.ACTOR) or _asker(found, person):
        found[tags.ACTOR] = actor
    if parent:
        found[tags.ROOT_RUN] = found.get(ROOT_RUN_ID_TAG) or run.root_run_id or parent
    return with_lineage(run).with_tags(found)


def faults(run_tags: Mapping[str, str]) -> list[str]:
    """One line for each value that was given and cannot be used, with what holds instead."""
    try:
        given = json.loads(run_tags.get(tags.IGNORED, "{}"))
    except (ValueError, RecursionError):  # somebody's own
        return []
    found = unusable(given) if isinstance(given, dict) else {}
    return [
        f"{key}={text[:_SHOWN]}: {why_unusable(key)}, so {_instead(key, run_tags)}"
        for key, text in found.items()
    ]


def _instead(key: str, run_tags: Mapping[str, str]) -> str:
    if key == tags.PRIORITY:
        return f"the run has priority {priority_of(run_tags)}"
    if key in MAX_RUNTIME_KEYS:
        seconds = max_runtime_of(run_tags)
        return "the run has no time-out" if seconds is None else f"the run's time-out is {seconds:g} s"
    if key == tags.KEEP_PROCESSES:
        return "what it leaves running ends with it"
    return f"the run has {run_tags.get(tags.MAX_ATTEMPTS, '1')} attempt(s)"


def _trigger(run: DagsterRun, given: Mapping[str, str]) -> str:
    said = given.get(tags.TRIGGER)
    if is_retry(run):
        return Trigger.RETRY
    if is_stage(run):
        return str(said) if said in tuple(Trigger) else Trigger.MANUAL
    if _parent(run):
        return Trigger.BACKFILL if BACKFILL_ID_TAG in given else Trigger.MANUAL
    if is_by_tick(run):
        if said is not None and said in _BY_TICKS:
            return said
        return Trigger.SCHEDULE if SCHEDULE_NAME_TAG in given else Trigger.SENSOR
    if BACKFILL_ID_TAG in given and said != Trigger.RUN_NOW:
        return Trigger.BACKFILL
    if said in tuple(Trigger):
        return str(said)
    return Trigger.SENSOR if SENSOR_NAME_TAG in given else Trigger.MANUAL


def _complete_attempts(found: dict[str, str]) -> None:
    """Attempt and maximum as whole numbers, and the policy that the next attempt is decided by."""
    policy = read_policy(found.get(tags.RETRIES, ""))
    said = found.get(tags.MAX_ATTEMPTS, "")
    most = policy.max_attempts if policy else read_attempts(said) or 1
    if policy is None and most > 1 and tags.TASK not in found:
        found[tags.RETRIES] = json.dumps({"max_attempts": most})
    if tags.TASK in found and tags.ATTEMPT not in found:
        most = 1  # launched by hand, beside the queue, which gives its tasks out anew
    found[tags.MAX_ATTEMPTS] = said if tags.TASK in found and most > 1 else str(most)
    found[tags.ATTEMPT] = str(read_attempts(found.get(tags.ATTEMPT, "")) or 1)


def _asker(found: Mapping[str, str], person: str) -> str:
    """Who asked: a part of the program by its name, else the person."""
    match found[tags.TRIGGER]:
        case Trigger.SCHEDULE:
            return f"schedule:{found.get(tags.SCHEDULE) or found.get(SCHEDULE_NAME_TAG, '')}"
        case Trigger.AGENT_QUEUE:
            return f"queue:{found.get(tags.QUEUE, '')}"
        case Trigger.SENSOR | Trigger.RETRY:
            return f"sensor:{found.get(SENSOR_NAME_TAG, 'automation')}"
        case Trigger.BACKFILL:
            return f"backfill:{found.get(BACKFILL_ID_TAG, '')}"
        case _:
            return person


def _parent(run: DagsterRun) -> str | None:
    return run.parent_run_id or run.tags.get(PARENT_RUN_ID_TAG)


def with_lineage(run: DagsterRun) -> DagsterRun:
    """A run that a sensor asks for can say only in its tags which run it follows."""
    parent, root = run.tags.get(PARENT_RUN_ID_TAG), run.tags.get(ROOT_RUN_ID_TAG)
    if parent and root and run.parent_run_id is None:
        return run._replace(parent_run_id=parent, root_run_id=root)
    return run
