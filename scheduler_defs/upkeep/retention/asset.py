"""The job `retention`: its config, its asset, its metadata."""

import datetime as dt

import dagster as dg
from pydantic import Field

from scheduler_defs.jobs.report_asset import ReportConfig, builtin_report, report_result
from scheduler_defs.jobs.reports import markdown_table


class PruneConfig(ReportConfig):
    """Ages and numbers are declared under `retention:`."""

    dry_run: bool = Field(default=False, description="Only say what would go.")


@builtin_report("retention", PruneConfig, description="Drops what is older than `retention:` keeps it.")
def prune(context: dg.AssetExecutionContext, config: PruneConfig) -> dg.MaterializeResult:
    """One pass. Launched once a day by the sensor `maintenance`."""
    from scheduler_defs import database
    from scheduler_defs.declarations import current
    from scheduler_defs.settings import settings
    from scheduler_defs.upkeep.retention.prune import prune as run

    place = settings()
    retention = current(place.config, place.state).declarations.retention
    found = run(database.engine(), retention, place, dt.datetime.now(dt.UTC), dry_run=config.dry_run)
    document = found.document()
    numbers = {name: value for name, value in document.items() if name != "kept"}
    context.log.info("%d runs, %d events, %d files", found.runs, found.events, found.artifacts)
    lines = [
        "# Pruned" if not config.dry_run else "# Would be pruned",
        "",
        *markdown_table(("what", "number"), list(numbers.items())),
        "",
        *markdown_table(("kept, although old", "runs"), list(found.kept.items())),
    ]
    return report_result(context, config, "retention", document, "\n".join(lines) + "\n", numbers)
