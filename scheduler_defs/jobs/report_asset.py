"""How a report becomes a Dagster asset: the same shape for every built-in job."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field

from scheduler_defs import tags
from scheduler_defs.addresses import PAGE, job_page
from scheduler_defs.jobs.plain_config import plain_schema
from scheduler_defs.jobs.reports import op_name, write_report

GROUP = "reports"


class DirectiveSnapshot(dg.Config):
    """The directive that a run works under, as it was when the run was launched."""

    name: str
    digest: str
    text: str


class ReportConfig(dg.Config):
    """What every report takes."""

    directive: DirectiveSnapshot | None = Field(
        default=None, description="Set by the launch; the report says which directive it was made under."
    )


ReportConfigT = TypeVar("ReportConfigT", bound=ReportConfig)


def builtin_report(
    name: str, config: type[ReportConfigT], *, description: str, checks: Sequence[str] = ()
) -> Callable[[Callable[[dg.AssetExecutionContext, ReportConfigT], Any]], dg.AssetsDefinition]:
    """Make a function of context and config an asset called `name`; the config never reads the environment.

    `checks` are the asset checks whose results its result brings along.

    Only a `multi_asset` lets the op have another name.
    """

    def make(report: Callable[[dg.AssetExecutionContext, ReportConfigT], Any]) -> dg.AssetsDefinition:
        @dg.multi_asset(
            name=op_name(name),
            check_specs=[dg.AssetCheckSpec(check, asset=name) for check in checks],
            specs=[
                dg.AssetSpec(
                    name, description=description, group_name=GROUP, kinds={"python"}, metadata=_link(name)
                )
            ],
            description=description,
            config_schema=plain_schema(config),
            # Materialised by itself, the asset counts as a run of its job.
            op_tags={tags.JOB: name},
        )
        def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            return report(context, config(**context.op_execution_context.op_config))

        return asset

    return make


def report_job(asset: dg.AssetsDefinition) -> Any:
    """The job of the same name over the asset; it runs in the worker's own process."""
    name = asset.key.to_user_string()
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(asset.key),
        description=asset.specs_by_key[asset.key].description,
        run_tags={tags.JOB: name},
        metadata=_link(name),
        executor_def=dg.in_process_executor,
    )


def _link(name: str) -> dict[str, dg.MetadataValue]:
    return {PAGE: dg.MetadataValue.url(job_page(name))}


def report_result(
    context: dg.AssetExecutionContext,
    config: ReportConfig,
    name: str,
    data: Mapping[str, Any],
    markdown: str,
    numbers: Mapping[str, float],
) -> dg.MaterializeResult:
    """Write the report below the run's artifacts; the metadata are its numbers, its paths, and its text."""
    directive = config.directive.model_dump() if config.directive else None
    written = write_report(context.run.run_id, name, {"directive": directive, **data}, markdown)
    return dg.MaterializeResult(
        asset_key=name,
        metadata={
            **dict(numbers),
            "report": dg.MetadataValue.path(str(written.markdown_path)),
            "report_json": dg.MetadataValue.path(str(written.json_path)),
            "preview": dg.MetadataValue.md(markdown[:20_000]),
        },
    )
