"""Sensors: what Signalbox does between runs."""

from __future__ import annotations

import dagster as dg

from scheduler_defs.declarations import Declarations


def build_sensors(declarations: Declarations) -> list[dg.SensorDefinition]:
    """Every sensor of the code location."""
    del declarations
    return []
