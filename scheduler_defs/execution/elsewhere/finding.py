"""What a target is in the workspace: its job, its assets (private Dagster API, contract-tested)."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg
from dagster._core.definitions.selector import JobSubsetSelector
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.remote_representation.external import RemoteJob, RemoteRepository
from dagster._core.workspace.context import BaseWorkspaceRequestContext

from scheduler_defs.execution.elsewhere.partitions import (
    Definition,
    check_wanted,
    definition_of,
    tags_and_config,
)
from scheduler_defs.execution.elsewhere.target import NotThereError, Target


@dataclass(frozen=True)
class Found:
    """What is to be run: a job in its location, for a partition or without."""

    location: CodeLocation
    repository: RemoteRepository
    job: RemoteJob
    assets: frozenset[dg.AssetKey] | None = None
    partitions: Definition | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    run_config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def of_partition(self, key: str, instance: dg.DagsterInstance) -> Found:
        """The same for a partition. Raises NotThereError where its code does not know it."""
        of_assets = self.partitions if self.assets is not None else None
        tags, config = tags_and_config(
            self.location, self.repository, self.job.name, of_assets, key, instance
        )
        return replace(self, tags=tags, run_config=config)


def find(context: BaseWorkspaceRequestContext, target: Target) -> Found:
    """The job, for no partition yet.

    Raises NotThereError, or DagsterUserCodeUnreachableError where nobody can say at the moment.
    """
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
    job = location.get_job(
        JobSubsetSelector(
            location_name=location.name,
            repository_name=repository.name,
            job_name=job_name,
            op_selection=None,
            asset_selection=chosen,
        )
    )
    if target.again:  # its partition is among its tags
        return Found(location, repository, job, chosen)
    partitions = definition_of(repository, job_name, chosen)
    check_wanted(partitions, target)
    return Found(location, repository, job, chosen, partitions)


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
