"""Runs of schedules under the ids that the ledger has given them (private Dagster API, contract-tested).

Dagster's daemon looks for the run of a tick by its run key and the time of the tick, and makes one with an id
of its own if there is none. So a run that a later tick asks for again came twice, and two daemons made two.
With the id given beforehand there can be one run only, whoever creates it: run ids are unique.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from dagster._core.definitions.run_request import RunRequest
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.instance import DagsterInstance
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.remote_representation.external import RemoteJob, RemoteSchedule
from dagster._core.storage.dagster_run import DagsterRun
from dagster._daemon import controller  # noqa: F401 - first: the scheduler and the daemon import each other
from dagster._scheduler import scheduler

from scheduler_defs import tags

_existing = scheduler._get_existing_run_for_request
_create = scheduler._create_scheduler_run


def install() -> None:
    """Have this process' schedule daemon launch runs under their ordered ids."""
    scheduler._get_existing_run_for_request = existing_run
    scheduler._create_scheduler_run = create_run


def existing_run(
    instance: DagsterInstance,
    remote_schedule: RemoteSchedule,
    schedule_time: dt.datetime,
    run_request: RunRequest,
) -> DagsterRun | None:
    """The run that is asked for, if it is there: by its ordered id, else as Dagster looks for it."""
    run_id = run_request.tags.get(tags.ORDERED_RUN)
    if run_id is None:
        return _existing(instance, remote_schedule, schedule_time, run_request)
    return instance.get_run_by_id(run_id)


def create_run(
    instance: DagsterInstance,
    schedule_time: dt.datetime,
    code_location: CodeLocation,
    remote_schedule: RemoteSchedule,
    remote_job: RemoteJob,
    run_request: RunRequest,
) -> DagsterRun:
    """As Dagster's, under the ordered id. The run of somebody who was quicker is as good."""
    run_id = run_request.tags.get(tags.ORDERED_RUN)
    if run_id is None:
        return _create(instance, schedule_time, code_location, remote_schedule, remote_job, run_request)
    plain = {name: value for name, value in run_request.tags.items() if name != tags.ORDERED_RUN}
    asked = run_request.with_replaced_attrs(tags=plain)
    ordering: Any = _UnderId(instance, run_id)
    try:
        return _create(ordering, schedule_time, code_location, remote_schedule, remote_job, asked)
    except DagsterRunAlreadyExists:
        found = instance.get_run_by_id(run_id)
        if found is None:
            raise
        return found


class _UnderId:
    """The instance, but that a run created through it gets this id. Dagster checks that it is an instance."""

    def __init__(self, instance: DagsterInstance, run_id: str) -> None:
        self._instance = instance
        self._run_id = run_id

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - read, never set
        return DagsterInstance

    def create_run(self, **values: Any) -> DagsterRun:
        return self._instance.create_run(**{**values, "run_id": self._run_id})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._instance, name)
