"""What Dagster keeps of schedules and sensors, and what they launch (private there; contract-tested)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

Target = dg.JobDefinition | UnresolvedAssetJobDefinition
"""A job, over ops or over assets."""


def switched_on(instance: dg.DagsterInstance) -> Mapping[str, dt.datetime]:
    """Since when each schedule is on, by its Dagster name."""
    found: dict[str, dt.datetime] = {}
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        started = getattr(state.instigator_data, "start_timestamp", None)
        if started is not None:
            found[state.name] = dt.datetime.fromtimestamp(started, tz=dt.UTC)
    return found


def cursors(instance: dg.DagsterInstance) -> Mapping[str, str | None]:
    """The cursor of each sensor that has ticked or was switched, by its name."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    return {state.name: getattr(state.instigator_data, "cursor", None) for state in states}
