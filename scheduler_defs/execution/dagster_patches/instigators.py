"""What Dagster keeps of schedules and sensors, and what they launch (private there; contract-tested)."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import RemoteInstigatorOrigin
from dagster._core.scheduler.instigation import InstigatorStatus

Target = dg.JobDefinition | UnresolvedAssetJobDefinition
"""A job, over ops or over assets."""

UNSEEN = dt.timedelta(seconds=15)
"""The longest time for which the daemon may not have seen a schedule that is served."""

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


def known_by_name() -> None:
    """Have Dagster know schedules and sensors by location, repository and name, not by an address.

    Its commands match stored states by an id that the location's address goes into. Called in the checkout,
    where they load the code themselves, they would not find what was switched in the UI of the stack.
    """
    RemoteInstigatorOrigin.get_id = _id_by_name


def _id_by_name(self: RemoteInstigatorOrigin) -> str:
    return self.get_selector().get_id()


def is_dry_run(context: dg.ScheduleEvaluationContext | dg.SensorEvaluationContext) -> bool:
    """Whether somebody only wants to see what a tick would do: nothing is to be written, sent or cancelled.

    The daemon names the tick that it evaluates (`[repository, name, tick id]`, so that its logs are kept).
    Previews in the UI, `scheduleDryRun`, `sensorDryRun`, `futureTick` and `dagster sensor preview` have no
    tick, and Dagster then makes up a key that ends in the time. A context without repository, as tests build
    it, has no key; that is a tick.
    """
    key = context.log_key
    return bool(key) and not key[-1].isdecimal()


def switched_on(instance: dg.DagsterInstance) -> Mapping[str, dt.datetime]:
    """Since when each schedule is on, by its Dagster name."""
    found: dict[str, dt.datetime] = {}
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        started = getattr(state.instigator_data, "start_timestamp", None)
        if started is not None:
            since = dt.datetime.fromtimestamp(started, tz=dt.UTC)
            if state.status is InstigatorStatus.DECLARED_IN_CODE:
                # Nobody switched it on: that is when the daemon first saw it, a moment after it was served.
                since -= UNSEEN
            found[state.name] = since
    return found


def cursors(instance: dg.DagsterInstance) -> Mapping[str, str | None]:
    """The cursor of each sensor that has ticked or was switched, by its name."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    return {state.name: getattr(state.instigator_data, "cursor", None) for state in states}


def stopped_sensors(instance: dg.DagsterInstance) -> frozenset[str]:
    """The names of sensors that somebody has switched off."""
    states = instance.all_instigator_state(
        instigator_type=InstigatorType.SENSOR, instigator_statuses={InstigatorStatus.STOPPED}
    )
    return frozenset(state.name for state in states)
