"""The job `schedule_review`: its config, its asset, its checks."""

import datetime as dt
from collections import Counter
from dataclasses import asdict

import dagster as dg
from pydantic import Field

from scheduler_defs.jobs.report_asset import ReportConfig, builtin_report, report_result
from scheduler_defs.jobs.reports import markdown_table
from scheduler_defs.upkeep.review.model import Finding, Thresholds

_USUAL = Thresholds()


class ReviewConfig(ReportConfig):
    """From when on something is a finding."""

    failed_in_a_row: int = Field(default=_USUAL.failed_in_a_row, description="Failed runs in a row.")
    paused_days: int = Field(default=_USUAL.paused_days, description="Days of a pause.")
    disabled_days: int = Field(default=_USUAL.disabled_days, description="Days of being off.")
    runs_without_success: int = Field(default=_USUAL.runs_without_success, description="Runs, none well.")
    slower_factor: float = Field(default=_USUAL.slower_factor, description="Times slower than before.")
    faster_factor: float = Field(default=_USUAL.faster_factor, description="Times faster than before.")
    condition_checks: int = Field(default=_USUAL.condition_checks, description="Looks at a condition.")


@builtin_report(
    "schedule_review",
    ReviewConfig,
    description="Schedules that nobody may be looking after. Changes nothing.",
    checks=tuple(finding.value for finding in Finding),
)
def schedule_review(context: dg.AssetExecutionContext, config: ReviewConfig) -> dg.MaterializeResult:
    """Look at the declared schedules and at what the ledger says of them; each kind of finding is a check."""
    from scheduler_defs import database
    from scheduler_defs.declarations import current
    from scheduler_defs.settings import settings
    from scheduler_defs.upkeep.review.finding import review
    from scheduler_defs.upkeep.review.reading import read

    place, now = settings(), dt.datetime.now(dt.UTC)
    declarations = current(place.config, place.state).declarations
    limits = Thresholds(**config.model_dump(exclude={"directive"}))
    past, orphans = read(database.engine(), declarations, now)
    found = review(declarations.schedules, past, orphans, limits, now)
    counts = Counter(each.finding for each in found)
    data = {
        "schedules": len(declarations.schedules),
        "findings": [asdict(each) for each in found],
        "counts": {finding.value: counts[finding] for finding in Finding},
        "thresholds": asdict(limits),
    }
    lines = [
        "# Review of the schedules",
        "",
        f"{len(declarations.schedules)} schedules, {len(found)} findings.",
        "",
        *markdown_table(
            ("schedule", "finding", "what", "owner"),
            [(each.schedule, each.finding.value, each.detail, each.owner) for each in found],
        ),
    ]
    numbers = {"schedules": len(declarations.schedules), "findings": len(found), **data["counts"]}
    context.log.info("%d schedules, %d findings", len(declarations.schedules), len(found))
    result = report_result(context, config, "schedule_review", data, "\n".join(lines) + "\n", numbers)
    checks = [
        dg.AssetCheckResult(
            check_name=finding.value,
            asset_key="schedule_review",
            passed=not counts[finding],
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"schedules": [each.schedule for each in found if each.finding is finding]},
        )
        for finding in Finding
    ]
    return result._replace(check_results=checks)
