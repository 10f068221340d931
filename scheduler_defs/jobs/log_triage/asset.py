"""The Dagster side of `log_triage`: its config, its asset, its metadata."""

import dagster as dg
from pydantic import Field

from scheduler_defs.jobs.report_asset import ReportConfig, builtin_report, report_result


class LogTriageConfig(ReportConfig):
    """What to read, and how much of it."""

    globs: list[str] | None = Field(
        default=None,
        description="Files to read, out of those that declarations name (reports: log_files, and schedules);"
        " absent: all of log_files. ** goes into folders, {state} is the state folder.",
    )
    max_groups: int = Field(
        default=1000, ge=1, le=20_000, description="Groups per severity; more are counted as one."
    )
    max_megabytes: int = Field(
        default=4096, ge=1, description="Read at most about this much in one run; the next one goes on."
    )
    wait_seconds: float = Field(
        default=600.0, ge=0, description="How long to wait for another run of this job to end."
    )


@builtin_report(
    "log_triage", LogTriageConfig, description="What the logs say that is new, in groups of similar messages."
)
def log_triage(context: dg.AssetExecutionContext, config: LogTriageConfig) -> dg.MaterializeResult:
    """Read what is new since the last run, report it, then remember how far that was."""
    from scheduler_defs.errors import SignalboxError
    from scheduler_defs.jobs.log_triage import report
    from scheduler_defs.jobs.log_triage.allowances import asked_files, declared_files
    from scheduler_defs.jobs.log_triage.triage import exclusive, triage
    from scheduler_defs.settings import settings

    state = settings().state
    folder = state / "log_triage"
    with exclusive(folder, wait_seconds=config.wait_seconds):
        try:
            result = triage(
                asked_files(config.globs),
                folder,
                allowed=declared_files(),
                max_groups=config.max_groups,
                max_bytes=config.max_megabytes * 1_000_000,
            )
        except SignalboxError as refusal:
            raise dg.Failure(str(refusal), allow_retries=False) from None
        context.log.info(
            "%d new messages in %d files, %d groups, %d problems",
            result.lines,
            len(result.files),
            len(result.groups),
            len(result.problems),
        )
        outcome = report_result(
            context,
            config,
            "log_triage",
            report.data(result),
            report.markdown(result),
            report.numbers(result),
        )
        result.save_positions()
    return outcome
