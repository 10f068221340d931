"""What the audit keeps of what Dagster's doors do: switches, launches, cancellations, deletions.

Our storages and the coordinator see all of them, whichever door they came through: Dagster's own UI, plain
GraphQL, the command.
"""

from __future__ import annotations

import dagster as dg
import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.storage.dagster_run import DagsterRun

from scheduler_defs import tags
from scheduler_defs.audit.entries import SYSTEM, Acting, Action, Channel, Entry, acting
from scheduler_defs.audit.store import record
from scheduler_defs.execution.process import is_persons_process

_SWITCHED = {
    (InstigatorType.SCHEDULE, True): Action.SCHEDULE_ON,
    (InstigatorType.SCHEDULE, False): Action.SCHEDULE_OFF,
    (InstigatorType.SENSOR, True): Action.SENSOR_ON,
    (InstigatorType.SENSOR, False): Action.SENSOR_OFF,
}
_BY_PERSON = {tags.Trigger.RUN_NOW, tags.Trigger.MANUAL, tags.Trigger.API}


def switch_entry(before: InstigatorState | None, after: InstigatorState | None) -> Entry | None:
    """The entry for a schedule or sensor that was switched; None when only its cursor or ticks moved on."""
    state = after or before
    if state is None or state.instigator_type not in (InstigatorType.SCHEDULE, InstigatorType.SENSOR):
        return None
    was, now = (each.status.value if each else None for each in (before, after))
    if was == now:
        return None
    if after is None or after.status is InstigatorStatus.DECLARED_IN_CODE:
        if before is None:
            return None
        action = Action.SCHEDULE_RESET
    else:
        action = _SWITCHED[state.instigator_type, after.status is InstigatorStatus.RUNNING]
    subject = f"{state.instigator_type.value.lower()}:{state.name}"
    return Entry(action, subject, {"state": was}, {"state": now}, acting=_person())


def record_launch(connection: sa.Connection, run: DagsterRun) -> None:
    """Note that a run was queued: for whom, and why."""
    after = {
        "job": run.tags.get(tags.JOB, run.job_name),
        "trigger": run.tags.get(tags.TRIGGER),
        "scheduled_for": run.tags.get(tags.SCHEDULED_FOR),
        "attempt": run.tags.get(tags.ATTEMPT),
        "config": dict(run.run_config) or None,
    }
    entry = Entry(
        Action.RUN_LAUNCHED,
        f"run:{run.run_id}",
        after={name: value for name, value in after.items() if value is not None},
        run_id=run.run_id,
        acting=_launcher(run),
        reason=run.tags.get(tags.REASON),
    )
    record(connection, entry)


def of_whom(instance: dg.DagsterInstance, run: DagsterRun) -> DagsterRun:
    """The run with the name of who asks, where a door knows it: its tags may say anything."""
    who = acting()
    if who == SYSTEM or run.tags.get(tags.ACTOR) == who.actor:
        return run
    instance.add_run_tags(run.run_id, {tags.ACTOR: who.actor})
    return run.with_tags({**run.tags, tags.ACTOR: who.actor})


def record_cancel(connection: sa.Connection, run_id: str) -> None:
    """Note that somebody asked for a run's end."""
    record(connection, Entry(Action.RUN_CANCELLED, f"run:{run_id}", run_id=run_id, acting=_person()))


def record_deletion(connection: sa.Connection, run_id: str) -> None:
    """Note that a run was deleted."""
    record(connection, Entry(Action.RUN_DELETED, f"run:{run_id}", run_id=run_id, acting=_person()))


def _launcher(run: DagsterRun) -> Acting:
    who = acting()
    if who != SYSTEM:
        return who
    trigger = run.tags.get(tags.TRIGGER)
    if trigger in _BY_PERSON or (trigger is None and is_persons_process()):
        return Acting(run.tags.get(tags.ACTOR, "unknown"), Channel.GRAPHQL)
    if schedule := run.tags.get(tags.SCHEDULE):
        return Acting(f"schedule:{schedule}", Channel.SYSTEM)
    if queue := run.tags.get(tags.QUEUE):
        return Acting(f"queue:{queue}", Channel.SYSTEM)
    return SYSTEM


def _person() -> Acting:
    who = acting()
    return Acting("unknown", Channel.GRAPHQL) if who == SYSTEM and is_persons_process() else who
