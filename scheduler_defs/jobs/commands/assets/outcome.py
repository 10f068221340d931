"""What becomes of a command that makes assets. The same for a job's command and for a step's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from scheduler_defs.addresses import PAGE, job_page
from scheduler_defs.declarations.models.declared import Asset, Job
from scheduler_defs.jobs.commands.pipes.asset_reports import AssetReports
from scheduler_defs.jobs.commands.running.run import run_command
from scheduler_defs.jobs.commands.spec import CommandSpec

GROUP = "commands"


def key_of(asset: Asset | str) -> dg.AssetKey:
    """An asset's key, parts joined by `/` where it is declared."""
    return dg.AssetKey.from_user_string(asset if isinstance(asset, str) else asset.name)


def asset_metadata(job: Job) -> dict[str, Any]:
    """Shown beside each asset of the job in the UI."""
    return {"declared": str(job.source), PAGE: dg.MetadataValue.url(job_page(job.name))}


def check_specs(assets: Collection[Asset]) -> list[dg.AssetCheckSpec]:
    """The checks of the assets."""
    return [dg.AssetCheckSpec(check, asset=key_of(asset)) for asset in assets for check in asset.checks]


def make(
    context: dg.OpExecutionContext, spec: CommandSpec, assets: Collection[Asset], metadata: dict[str, Any]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Run the command, whose metadata is put into `metadata`, and say what has become of its assets.

    Raises dg.Failure as `run_command`; the checks have failed then.
    """
    reported = AssetReports(frozenset(key_of(asset) for asset in assets))
    try:
        metadata |= run_command(context, spec, reported)
    except dg.Failure:
        yield from _checks(assets, reported, succeeded=False)
        raise
    for asset in _in_order(assets):
        said = reported.materialized.get(key_of(asset), {})
        yield dg.MaterializeResult(asset_key=key_of(asset), metadata={**metadata, **said})
    yield from _checks(assets, reported, succeeded=True)


def _in_order(assets: Collection[Asset]) -> Iterator[Asset]:
    """Each after those that it is made from, as Dagster wants it."""
    own = {asset.name: asset for asset in assets}
    for name in TopologicalSorter({name: asset.deps for name, asset in own.items()}).static_order():
        if name in own:
            yield own[name]


def _checks(
    assets: Collection[Asset], reported: AssetReports, *, succeeded: bool
) -> Iterator[dg.AssetCheckResult]:
    for asset in assets:
        for check in asset.checks:
            key = key_of(asset)
            said = reported.checks.get((key, check))
            yield said or dg.AssetCheckResult(
                passed=succeeded,
                asset_key=key,
                check_name=check,
                description=None if succeeded else "The command did not succeed.",
            )
