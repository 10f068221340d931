"""What Dagster keeps of schedules and sensors, and what they launch (private there; contract-tested)."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.instance.ref import InstanceRef

Target = dg.JobDefinition | UnresolvedAssetJobDefinition
"""A job, over ops or over assets."""

_shared: tuple[InstanceRef, dg.DagsterInstance] | None = None
_lock = threading.Lock()


def share_instance(context: dg.ScheduleEvaluationContext | dg.SensorEvaluationContext) -> None:
    """Have `context.instance` be the one of this process, for all ticks, instead of one made for this tick.

    Making one costs about 8 ms, and Dagster does it for every tick that asks for a run.
    """
    global _shared
    ref = context.instance_ref
    if ref is None or context._instance is not None:
        return
    with _lock:
        if _shared is None or _shared[0] != ref:
            _shared = (ref, dg.DagsterInstance.from_ref(ref))
        context._instance = _shared[1]


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
