"""Dagster's permissions, answered from the access table: its UI greys out what one may not do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dagster._core.definitions.selector import JobSelector, ScheduleSelector, SensorSelector
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.permissions import (
    LOCATION_SCOPED_PERMISSIONS,
    VIEWER_PERMISSIONS,
    PermissionResult,
    Permissions,
)
from starlette.requests import HTTPConnection
from typing_extensions import override

from scheduler_defs import tags
from scheduler_defs.access.table import EVERYTHING, Action, Principal, Subject
from scheduler_defs.web.access.gate import principal_of
from scheduler_defs.web.access.subjects import of_job, of_schedule, of_sensor

PERMISSIONS: Mapping[str, Action] = {
    Permissions.LAUNCH_PIPELINE_EXECUTION: Action.RUN,
    Permissions.LAUNCH_PIPELINE_REEXECUTION: Action.RUN,
    Permissions.LAUNCH_PARTITION_BACKFILL: Action.RUN,
    Permissions.SCHEDULE_DRY_RUN: Action.RUN,
    Permissions.SENSOR_DRY_RUN: Action.RUN,
    Permissions.TERMINATE_PIPELINE_EXECUTION: Action.CANCEL,
    Permissions.CANCEL_PARTITION_BACKFILL: Action.CANCEL,
    Permissions.START_SCHEDULE: Action.SWITCH,
    Permissions.STOP_RUNNING_SCHEDULE: Action.SWITCH,
    Permissions.EDIT_SENSOR: Action.SWITCH,
    Permissions.TOGGLE_AUTO_MATERIALIZE: Action.SWITCH,
    Permissions.RELOAD_REPOSITORY_LOCATION: Action.EDIT,
    Permissions.RELOAD_WORKSPACE: Action.EDIT,
    Permissions.REFRESH_COMPONENT_STATE: Action.EDIT,
    Permissions.EDIT_DYNAMIC_PARTITIONS: Action.EDIT,
    Permissions.REPORT_RUNLESS_ASSET_EVENTS: Action.REPORT,
    Permissions.DELETE_PIPELINE_RUN: Action.ADMINISTER,
    Permissions.WIPE_ASSETS: Action.ADMINISTER,
    Permissions.UPDATE_SENSOR_CURSOR: Action.ADMINISTER,
    Permissions.EDIT_CONCURRENCY_LIMIT: Action.ADMINISTER,
}
_NO_CHARACTER_OF_ASSETS, _LONGEST_OF_ASSETS = re.compile(r"[^A-Za-z0-9_.-]"), 63


class SignalboxRequestContext(WorkspaceRequestContext):
    """One request's view of the workspace, for one principal. What is new in Dagster is denied."""

    def __init__(self, *, principal: Principal, **of_dagster: Any) -> None:
        super().__init__(**of_dagster)
        self.principal = principal

    @property
    @override
    def permissions(self) -> Mapping[str, PermissionResult]:
        return {name: self._answer(name, EVERYTHING) for name in VIEWER_PERMISSIONS}

    @override
    def permissions_for_location(self, *, location_name: str) -> Mapping[str, PermissionResult]:
        return {
            name: answer for name, answer in self.permissions.items() if name in LOCATION_SCOPED_PERMISSIONS
        }

    @override
    def permissions_for_owner(self, *, owner: str) -> Mapping[str, PermissionResult]:
        return {name: self._answer(name, Subject(owner=owner)) for name in VIEWER_PERMISSIONS}

    @override
    def viewer_has_any_owner_definition_permissions(self) -> bool:
        return any(
            grant.owners or grant.jobs or grant.schedules or grant.queues for grant in self.principal.grants
        )

    @override
    def has_permission_for_selector(self, permission: str, selector: Any) -> bool:
        if super().has_permission_for_selector(permission, selector):
            return True
        match selector:
            case ScheduleSelector():
                subject = of_schedule(selector.schedule_name)
            case JobSelector():
                subject = of_job(selector.job_name)
            case SensorSelector():
                subject = of_sensor(selector.sensor_name)
            case _:
                return False
        return self._answer(permission, subject).enabled

    @override
    def get_viewer_tags(self) -> dict[str, str]:
        """What every run that is launched in this request carries."""
        return {tags.ACTOR: self.principal.name}

    @override
    def get_reporting_user_tags(self) -> dict[str, str]:
        """What is reported of an asset carries this; Dagster takes fewer characters there than for a run."""
        return {tags.ACTOR: _NO_CHARACTER_OF_ASSETS.sub("_", self.principal.name)[:_LONGEST_OF_ASSETS]}

    def _answer(self, permission: str, subject: Subject) -> PermissionResult:
        action = PERMISSIONS.get(permission)
        if action is None:
            return PermissionResult(enabled=False, disabled_reason="no role may do this")
        allowed = self.principal.may(action, subject)
        reason = None if allowed else self.principal.refusal(action, subject)
        return PermissionResult(enabled=allowed, disabled_reason=reason)


class SignalboxProcessContext(WorkspaceProcessContext):
    """The workspace, which gives each request the context of whoever sent it."""

    @override
    def create_request_context(self, source: object | None = None) -> WorkspaceRequestContext:
        if not isinstance(source, HTTPConnection):
            return super().create_request_context(source)  # Dagster's own, while it loads the workspace
        return SignalboxRequestContext(
            principal=principal_of(source),
            instance=self.instance,
            current_workspace=self.get_current_workspace(),
            process_context=self,
            version=self.version,
            source=source,
            read_only=False,
        )
