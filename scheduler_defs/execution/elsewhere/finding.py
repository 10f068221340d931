"""What a target is in the workspace: job, assets, partition (private Dagster API, contract-tested)."""

from __future__ import annotations

import contextlib
import datetime as dt
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.definitions.selector import JobSubsetSelector
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.remote_representation.external import RemoteJob, RemoteRepository
from dagster._core.remote_representation.external_data import PartitionConfigSnap, PartitionTagsSnap
from dagster._core.workspace.context import BaseWorkspaceRequestContext

from scheduler_defs.execution.elsewhere.target import LATEST, Target


class NotThereError(Exception):
    """The target does not exist; the message is one line that says what is missing."""


@dataclass(frozen=True)
class Found:
    """What is to be run: a job in its location, for a partition or without."""

    location: CodeLocation
    repository: RemoteRepository
    job: RemoteJob
    assets: frozenset[dg.AssetKey] | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    run_config: Mapping[str, Any] = field(default_factory=dict[str, Any])


def find(context: BaseWorkspaceRequestContext, instance: dg.DagsterInstance, target: Target) -> Found:
    """Raises NotThereError, or DagsterUserCodeUnreachableError where nobody can say at the moment."""
    location = _location(context, target.location)
    repositories = list(location.get_repositories().values())
    if target.selection is not None:
        repository, keys = _selected(repositories, target)
        job_name = repository.asset_graph.get_implicit_job_name_for_assets(keys, repository)
        if job_name is None:
            raise NotThereError(f"{target.name}: these assets cannot be made in one run")
    else:
        job_name = str(target.job)
        repository = next((each for each in repositories if each.has_job(job_name)), None)
        if repository is None:
            known = sorted({job.name for each in repositories for job in each.get_all_jobs()})
            shown = ", ".join(name for name in known if not name.startswith("__")) or "none"
            raise NotThereError(f"location {target.location} has no job {job_name!r}; it has {shown}")
        keys = {dg.AssetKey.from_user_string(key) for key in target.assets}
    chosen = frozenset(keys) or None
    tags, config = _partition(location, repository, instance, target, job_name, chosen)
    job = location.get_job(
        JobSubsetSelector(
            location_name=location.name,
            repository_name=repository.name,
            job_name=job_name,
            op_selection=None,
            asset_selection=chosen,
        )
    )
    return Found(location, repository, job, chosen, tags, config)


def _location(context: BaseWorkspaceRequestContext, name: str) -> CodeLocation:
    entry = context.get_location_entry(name)
    if entry is None:
        known = ", ".join(sorted(context.get_code_location_entries())) or "none"
        raise NotThereError(f"there is no location {name!r}; there are {known}")
    if entry.code_location is not None:
        return entry.code_location
    error = entry.load_error
    if error is None or error.cls_name == DagsterUserCodeUnreachableError.__name__:
        raise DagsterUserCodeUnreachableError(f"location {name} is not reached at the moment")
    while error.cause is not None:
        error = error.cause
    raise NotThereError(f"location {name} cannot be loaded: {' '.join(error.message.split())}")


def _selected(
    repositories: list[RemoteRepository], target: Target
) -> tuple[RemoteRepository, set[dg.AssetKey]]:
    try:
        with _without_warnings():
            selection = dg.AssetSelection.from_string(str(target.selection))
    except Exception as error:
        raise NotThereError(f"{target.name}: {' '.join(str(error).split())}") from error
    for repository in repositories:
        graph = repository.asset_graph
        try:
            with _without_warnings():
                keys = set(selection.resolve(graph)) & set(graph.materializable_asset_keys)
        except Exception as error:
            raise NotThereError(f"{target.name}: {' '.join(str(error).split())}") from error
        if keys:
            return repository, keys
    raise NotThereError(f"{target.name} selects no asset that can be made")


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Dagster's parser warns of its own parameters, and takes a warning that is an error for a bad text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield


def _partition(
    location: CodeLocation,
    repository: RemoteRepository,
    instance: dg.DagsterInstance,
    target: Target,
    job_name: str,
    assets: frozenset[dg.AssetKey] | None,
) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """Tags and run config for the partition; nothing where there are none, or the tags have it already."""
    if target.again:
        return {}, {}
    definition = _definition(repository, job_name, assets)
    if definition is None:
        if target.partition is not None:
            raise NotThereError(f"{target.name} has no partitions, and partition: wants {target.partition!r}")
        return {}, {}
    due = dt.datetime.fromisoformat(target.due) if target.due else dt.datetime.now(dt.UTC)
    key = partition_key(definition, target, due, instance)
    if assets is not None:
        return definition.get_tags_for_partition_key(key), {}
    handle = repository.handle
    tags = location.get_partition_tags_from_repo(handle, job_name, key, instance)
    config = location.get_partition_config(handle, job_name, key, instance)
    if not isinstance(tags, PartitionTagsSnap) or not isinstance(config, PartitionConfigSnap):
        raise NotThereError(f"{target.name}: the location gives no tags and config for partition {key!r}")
    return {name: str(value) for name, value in tags.tags.items()}, config.run_config


def partition_key(
    definition: dg.PartitionsDefinition[Any], target: Target, due: dt.datetime, instance: dg.DagsterInstance
) -> str:
    """The partition that is wanted of those there are at the moment `due`. Raises NotThereError."""
    with partition_loading_context(effective_dt=due, dynamic_partitions_store=instance):
        if target.partition in (None, LATEST):
            if target.partition is None and not isinstance(definition, dg.TimeWindowPartitionsDefinition):
                raise NotThereError(
                    f"{target.name} has partitions without periods: partition: must say which"
                )
            key = definition.get_last_partition_key()
            if key is None:
                raise NotThereError(f"{target.name} has no partition yet at {due.isoformat()}")
            return key
        key = due.strftime(str(target.partition))
        if not definition.has_partition_key(key):
            raise NotThereError(f"{target.name} has no partition {key!r} at {due.isoformat()}")
        return key


def _definition(
    repository: RemoteRepository, job_name: str, assets: frozenset[dg.AssetKey] | None
) -> dg.PartitionsDefinition[Any] | None:
    if assets is not None:
        graph = repository.asset_graph
        found = [graph.get(key).partitions_def for key in assets]
        kinds = {definition for definition in found if definition is not None}
        if len(kinds) > 1:
            raise NotThereError("the selected assets have different partitions; select those of one kind")
        return next(iter(kinds), None)
    for partitions in repository.get_partition_sets():
        if partitions.job_name == job_name and partitions.has_partitions_definition():
            return partitions.get_partitions_definition()
    return None
