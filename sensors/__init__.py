"""Sensors: what Signalbox does between runs."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from scheduler_defs.declarations import Declarations
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.execution.dagster_patches.instigators import Target
from sensors.agent_queues import build_agent_queue_sensors
from sensors.alerts import alerts_sensors
from sensors.audit import audit_sensors
from sensors.declarations import declarations_sensor
from sensors.maintenance import maintenance_sensors
from sensors.retries import retries_sensor
from sensors.stages import stages_sensor


def build_sensors(declarations: Declarations, jobs: Sequence[Target]) -> list[dg.SensorDefinition]:
    """Every sensor of a code location that offers `jobs`."""
    return [
        declarations_sensor(declarations),
        retries_sensor(jobs),
        *build_agent_queue_sensors(declarations),
        *alerts_sensors(declarations),
        *maintenance_sensors(declarations),
        *audit_sensors(declarations),
        *_stages(declarations, jobs),
    ]


def _stages(declarations: Declarations, jobs: Sequence[Target]) -> list[dg.SensorDefinition]:
    """Only where people must agree to steps: a sensor that never finds anything costs, too."""
    names = {dagster_name(job.name) for job in declarations.jobs.values() if job.in_stages}
    found = [job for job in jobs if job.name in names]
    return [stages_sensor(found)] if found else []
