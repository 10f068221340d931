"""Backfills that hold runs which schedules have asked for (private Dagster API, contract-tested).

Dagster's daemon makes a backfill's runs under ids of its own, and an occurrence's run has its id from the
ledger. So the runs are made here, and the backfill says that all are out: the daemon follows them to the end,
and the UI shows and cancels them together.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.workspace.context import BaseWorkspaceRequestContext
from dagster._time import get_current_timestamp

from scheduler_defs import tags
from scheduler_defs.execution.elsewhere.finding import Found
from scheduler_defs.execution.elsewhere.partitions import Definition, partition_keys, partition_set
from scheduler_defs.execution.elsewhere.target import NotThereError, Target

_TOLD = (tags.SCHEDULE, tags.JOB, tags.ACTOR, tags.REASON, tags.MISSED)
_COMPLETED = frozenset({BulkActionStatus.COMPLETED_SUCCESS, BulkActionStatus.COMPLETED_FAILED})
_ensuring = threading.Lock()
"""The daemon submits the runs of a tick in several threads."""


@dataclass(frozen=True)
class Plan:
    """The partitions of a backfill. `without_occurrence`: those that are no occurrence's own."""

    keys: Sequence[str]
    without_occurrence: Sequence[str]


def planned(definition: Definition, target: Target, instance: dg.DagsterInstance) -> Plan:
    """What all that the target is one backfill with wants, oldest first."""
    dues = [dt.datetime.fromisoformat(due) for due in target.dues] or [target.moment]
    keys: dict[str, None] = {}
    own: set[str] = set()
    for due in dues:
        # Where there is none at that moment, the run of that occurrence fails, and says so.
        with contextlib.suppress(NotThereError):
            wanted = partition_keys(definition, target, due, instance)
            keys |= dict.fromkeys(wanted)
            own.add(wanted[-1])
    return Plan(list(keys), [key for key in keys if key not in own])


def ensure(
    workspace: BaseWorkspaceRequestContext,
    found: Found,
    backfill: str,
    keys: Sequence[str],
    run_tags: Mapping[str, str],
) -> None:
    """Have the backfill there, and followed. One that somebody has canceled stays so."""
    instance = workspace.instance
    with _ensuring:
        known = instance.get_backfill(backfill)
        if known is None:
            shown = {key: run_tags[key] for key in _TOLD if key in run_tags}
            instance.add_backfill(_record(workspace, found, backfill, keys, shown))
        elif known.status in _COMPLETED:
            # What was out had ended before this run was there.
            instance.update_backfill(known.with_status(BulkActionStatus.REQUESTED))


def _record(
    workspace: BaseWorkspaceRequestContext,
    found: Found,
    backfill: str,
    keys: Sequence[str],
    shown: Mapping[str, str],
) -> PartitionBackfill:
    if found.assets is not None:
        return _of_assets(workspace, found.assets, backfill, keys, shown)
    partitions = partition_set(found.repository, found.job.name)
    return PartitionBackfill(
        backfill_id=backfill,
        status=BulkActionStatus.REQUESTED,
        from_failure=False,
        tags=shown,
        backfill_timestamp=get_current_timestamp(),
        partition_set_origin=None if partitions is None else partitions.get_remote_origin(),
        partition_names=list(keys),
        last_submitted_partition_name=keys[-1],
    )


def _of_assets(
    workspace: BaseWorkspaceRequestContext,
    assets: frozenset[dg.AssetKey],
    backfill: str,
    keys: Sequence[str],
    shown: Mapping[str, str],
) -> PartitionBackfill:
    instance, graph = workspace.instance, workspace.asset_graph
    parts = {
        AssetKeyPartitionKey(asset, key)
        for asset in assets
        for key in (keys if graph.get(asset).is_partitioned else (None,))
    }
    asked = PartitionBackfill.from_asset_graph_subset(
        backfill_id=backfill,
        backfill_timestamp=get_current_timestamp(),
        tags=shown,
        dynamic_partitions_store=instance,
        asset_graph_subset=AssetGraphSubset.from_asset_partition_set(parts, graph),
        title=None,
        description=None,
        run_config=None,
    )
    data = asked.get_asset_backfill_data(graph)
    latest = instance.event_log_storage.get_maximum_record_id() or 0
    out = data.replace_requested_subset(data.target_subset).with_requested_runs_for_target_roots(True)
    return asked.with_asset_backfill_data(
        out.with_latest_storage_id(latest), dynamic_partitions_store=instance, asset_graph=graph
    )
