"""Launching what is in another location, for whoever asks over GraphQL (private API, contract-tested)."""

from __future__ import annotations

import asyncio
from typing import Any

from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.workspace.permissions import Permissions
from dagster_graphql.implementation.execution import launch_execution

from scheduler_defs import tags
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.elsewhere.creating import launchable
from scheduler_defs.execution.elsewhere.target import NotThereError, parse

_launch = launch_execution.do_launch


def install() -> None:
    """Have this process' GraphQL look where a launch says, in a tag, that its job is."""
    launch_execution.do_launch = do_launch


async def do_launch(graphene_info: Any, execution_params: Any, is_reexecuted: bool = False) -> DagsterRun:
    """As Dagster's. Raises SignalboxError for a job or assets that are not there."""
    metadata = execution_params.execution_metadata
    asked = None if metadata is None else (metadata.tags or {}).get(tags.ELSEWHERE)
    if metadata is None or asked is None:
        return await _launch(graphene_info, execution_params, is_reexecuted)
    context, target = graphene_info.context, parse(asked)
    if not context.has_permission_for_location(Permissions.LAUNCH_PIPELINE_EXECUTION, target.location):
        raise SignalboxError(f"nothing in location {target.location} may be launched by whoever asks")
    run_tags = {key: value for key, value in metadata.tags.items() if key != tags.ELSEWHERE}
    try:
        run = await asyncio.to_thread(
            launchable, context, target, execution_params.run_config, run_tags, metadata.run_id
        )
    except NotThereError as error:
        raise SignalboxError(str(error)) from error
    return context.instance.submit_run(run.run_id, workspace=context)
