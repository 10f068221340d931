"""Which partitions of a job or of assets a target is for (private Dagster API, contract-tested)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.remote_representation.external import RemotePartitionSet, RemoteRepository
from dagster._core.remote_representation.external_data import PartitionConfigSnap, PartitionTagsSnap

from scheduler_defs.execution.elsewhere.target import LATEST, NotThereError, Target

Definition = dg.PartitionsDefinition[Any]


def definition_of(
    repository: RemoteRepository, job_name: str, assets: frozenset[dg.AssetKey] | None
) -> Definition | None:
    """How the job, or these assets, are partitioned; None: not. Raises NotThereError: in several ways."""
    if assets is not None:
        graph = repository.asset_graph
        found = [graph.get(key).partitions_def for key in assets]
        kinds = {definition for definition in found if definition is not None}
        if len(kinds) > 1:
            raise NotThereError("the selected assets have different partitions; select those of one kind")
        return next(iter(kinds), None)
    partitions = partition_set(repository, job_name)
    return None if partitions is None else partitions.get_partitions_definition()


def partition_set(repository: RemoteRepository, job_name: str) -> RemotePartitionSet | None:
    """Dagster's name for the partitions of a job; None: it has none."""
    for partitions in repository.get_partition_sets():
        if partitions.job_name == job_name and partitions.has_partitions_definition():
            return partitions
    return None


def check_wanted(definition: Definition | None, target: Target) -> None:
    """Raises NotThereError where the target says a partition and there are none, or does not and must."""
    wanted = target.partition if target.last is None else f"last: {target.last}"
    if definition is None and wanted is not None:
        raise NotThereError(f"{target.name} has no partitions, and partition: wants {wanted!r}")
    periods = definition is None or isinstance(definition, dg.TimeWindowPartitionsDefinition)
    if wanted is None and not periods:
        raise NotThereError(f"{target.name} has partitions without periods: partition: must say which")


def partition_keys(
    definition: Definition, target: Target, due: dt.datetime, instance: dg.DagsterInstance
) -> list[str]:
    """The partitions that are wanted of those there are at the moment `due`, the newest last.

    Raises NotThereError where there is none.
    """
    with partition_loading_context(effective_dt=due, dynamic_partitions_store=instance) as loading:
        if target.last is not None:
            page = definition.get_paginated_partition_keys(loading, limit=target.last, ascending=False)
            keys = list(reversed(page.results))
        elif target.partition in (None, LATEST):
            newest = definition.get_last_partition_key()
            keys = [] if newest is None else [newest]
        else:
            key = due.strftime(str(target.partition))
            if not definition.has_partition_key(key):
                raise NotThereError(f"{target.name} has no partition {key!r} at {due.isoformat()}")
            keys = [key]
    if not keys:
        raise NotThereError(f"{target.name} has no partition yet at {due.isoformat()}")
    return keys


def tags_and_config(
    location: CodeLocation,
    repository: RemoteRepository,
    job_name: str,
    definition: Definition | None,
    key: str,
    instance: dg.DagsterInstance,
) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """What a run for the partition carries. `definition`: of assets; None: the job's code is asked."""
    if definition is not None:
        return definition.get_tags_for_partition_key(key), {}
    tags = location.get_partition_tags_from_repo(repository.handle, job_name, key, instance)
    config = location.get_partition_config(repository.handle, job_name, key, instance)
    if not isinstance(tags, PartitionTagsSnap) or not isinstance(config, PartitionConfigSnap):
        raise NotThereError(f"{job_name}: the location gives no tags and config for partition {key!r}")
    return {name: str(value) for name, value in tags.tags.items()}, config.run_config
