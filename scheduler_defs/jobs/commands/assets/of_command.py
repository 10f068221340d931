"""The assets of a declared job that is one command."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Asset, Job
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.jobs.commands.assets.outcome import GROUP, asset_metadata, check_specs, key_of, make
from scheduler_defs.jobs.commands.params import config_fields
from scheduler_defs.jobs.commands.spec import of_job, op_name


def command_assets(job: Job) -> dg.AssetsDefinition:
    """The assets of a declared job, all made by its one command."""
    spec = of_job(job)
    own = tuple(job.assets.values())

    @dg.multi_asset(
        name=op_name(job, ""),
        specs=[_spec(job, asset) for asset in own],
        check_specs=check_specs(own),
        description=job.description,
        config_schema=config_fields(dagster_name(job.name), job.params),
        # Materialised by themselves, the assets count as a run of their job.
        op_tags={tags.JOB: job.name},
    )
    # Dagster reads the annotation of `context`, and not as a string.
    def assets(context) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        yield from make(context.op_execution_context, spec, own, {})

    return assets


def _spec(job: Job, asset: Asset) -> dg.AssetSpec:
    return dg.AssetSpec(
        key_of(asset),
        deps=[key_of(name) for name in asset.deps],
        description=asset.description or job.description,
        group_name=asset.group or GROUP,
        metadata=asset_metadata(job),
    )
