"""Execution plans that the code server has made already (private Dagster API, contract-tested).

Daemon and webserver ask the code server for a plan for every run that they create, over two connections. But
a plan follows from the definitions and the run config alone, and a schedule has the same ones every time.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.instance import DagsterInstance
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._core.remote_representation.external import RemoteExecutionPlan, RemoteJob

MOST_KEPT = 500
"""Plans per code location; those that were asked for longest ago go first."""

_Key = tuple[str, str, str, str]
_ask = GrpcServerCodeLocation.get_execution_plan
# Dagster makes a new object for a code location whenever its code server has loaded anything anew.
_kept: WeakKeyDictionary[GrpcServerCodeLocation, OrderedDict[_Key, RemoteExecutionPlan]] = WeakKeyDictionary()
_lock = threading.Lock()


def install() -> None:
    """Have this process ask for each plan once, as long as the code server keeps its definitions."""
    GrpcServerCodeLocation.get_execution_plan = get_execution_plan


def get_execution_plan(
    self: GrpcServerCodeLocation,
    remote_job: RemoteJob,
    run_config: Mapping[str, Any],
    step_keys_to_execute: Sequence[str] | None,
    known_state: KnownExecutionState | None,
    instance: DagsterInstance | None = None,
) -> RemoteExecutionPlan:
    """As Dagster's. Plans for a part of a job, or with what is known from another run, are not kept."""
    key = _key(remote_job, run_config) if step_keys_to_execute is None and known_state is None else None
    if key is None:
        return _ask(self, remote_job, run_config, step_keys_to_execute, known_state, instance)
    with _lock:
        plans = _kept.setdefault(self, OrderedDict())
        if key in plans:
            plans.move_to_end(key)
            return plans[key]
    plan = _ask(self, remote_job, run_config, None, None, instance)
    with _lock:
        plans[key] = plan
        while len(plans) > MOST_KEPT:
            plans.popitem(last=False)
    return plan


def _key(remote_job: RemoteJob, run_config: Mapping[str, Any]) -> _Key | None:
    """What a plan depends on; None when that cannot be written down."""
    if remote_job.asset_selection or remote_job.asset_check_selection or remote_job.op_selection:
        return None
    try:
        config = json.dumps(run_config, sort_keys=True)
    except (TypeError, ValueError):
        return None
    repository = remote_job.repository_handle.repository_name
    return repository, remote_job.name, remote_job.identifying_job_snapshot_id, config
