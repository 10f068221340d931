"""The sensor that brings signed checkpoints of the audit to where they are declared to be kept."""

from __future__ import annotations

import dagster as dg

from resources import ClockResource
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.execution.dagster_patches.instigators import is_dry_run
from scheduler_defs.settings import settings

NAME = "audit_checkpoints"
INTERVAL_SECONDS = 600


def audit_sensors(declarations: Declarations) -> list[dg.SensorDefinition]:
    """The sensor, if a place is declared."""
    return [_sensor(declarations)] if declarations.audit.checkpoints else []


def _sensor(declarations: Declarations) -> dg.SensorDefinition:
    places = ", ".join(each.to for each in declarations.audit.checkpoints)

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Brings signed checkpoints of the audit to {places}; fails while it cannot.",
    )
    def ship_checkpoints(context: dg.SensorEvaluationContext, clock: ClockResource) -> dg.SkipReason:
        from scheduler_defs.audit.shipping import destinations, ship_new

        if is_dry_run(context):
            return dg.SkipReason(f"would bring what is new to {places}")
        sent = ship_new(destinations(declarations.audit.checkpoints), settings().state / "audit", clock.now())
        return dg.SkipReason(f"{sent} checkpoints brought to {places}" if sent else "nothing new")

    return ship_checkpoints
