"""The engine's own sensors that somebody has stopped: without them work stands still, and nothing fails."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.names import dagster_name


def engine_sensors(declarations: Declarations) -> Mapping[str, str]:
    """What stands still without each sensor of ours, by the sensor's name in Dagster."""
    found = {
        "retries": "no failed run is tried again",
        "declarations": "faults in changed files are not noticed",
    }
    if declarations.alerts.channels or any(
        each.heartbeat_env is not None for each in declarations.schedules.values()
    ):
        found["alerts"] = "no alert and no heartbeat is sent"
    if declarations.retention.automatic:
        found["maintenance"] = "nothing that was kept for long enough is pruned"
    if declarations.audit.checkpoints:
        found["audit_checkpoints"] = "no checkpoint of the audit is brought away"
    if any(job.in_stages for job in declarations.jobs.values()):
        found["stages"] = "no run goes on behind a step that people have agreed to"
    for queue in declarations.served_queues:
        found[f"agent_queue_{dagster_name(queue)}"] = f"no task of queue {queue} is given to an agent"
    return found


def stopped(url: str, declarations: Declarations) -> Mapping[str, str]:
    """Those that are switched off, and what stands still. Raises what the database raises."""
    from scheduler_defs.execution.lookups.stopped_sensors import STOPPED_SENSORS
    from scheduler_defs.stack.health.checks import rows

    off = {name for (name,) in rows(url, STOPPED_SENSORS)}
    return {name: what for name, what in engine_sensors(declarations).items() if name in off}


def switch_problems(url: str, declarations: Declarations) -> list[str]:
    """One line for each."""
    return [
        f"sensor {name} is stopped: {what}; start it in the UI, or with `signalbox apply --reset-state`"
        for name, what in stopped(url, declarations).items()
    ]
