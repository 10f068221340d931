"""The jobs `database_backup` and `database_drill`: their configs, their assets, their metadata."""

import datetime as dt
from pathlib import Path

import dagster as dg
from pydantic import Field

from scheduler_defs.jobs.report_asset import ReportConfig, builtin_report, report_result
from scheduler_defs.jobs.reports import markdown_table


class BackupConfig(ReportConfig):
    """Where backups go."""

    folder: str = Field(
        default="", description="A folder of this machine; empty: backups/ in the state folder."
    )
    keep: int = Field(default=7, description="So many stay there.", ge=1)


@builtin_report("database_backup", BackupConfig, description="The whole database in one file.")
def backup(context: dg.AssetExecutionContext, config: BackupConfig) -> dg.MaterializeResult:
    """Dump from one snapshot, while everything goes on."""
    from scheduler_defs.upkeep.backup.dumping import back_up

    made = back_up(_url(), _folder(config.folder), dt.datetime.now(dt.UTC), keep=config.keep)
    document = made.document()
    numbers = {"bytes": made.bytes, "seconds": made.seconds}
    lines = ["# Backup", "", *markdown_table(("what", "is"), list(document.items()))]
    return report_result(context, config, "database_backup", document, "\n".join(lines) + "\n", numbers)


class DrillConfig(ReportConfig):
    """Which backup is tried."""

    folder: str = Field(default="", description="Where backups are; empty: backups/ in the state folder.")
    oldest_hours: int = Field(
        default=48, description="A newest backup that is older than this is a failure.", ge=1
    )


@builtin_report(
    "database_drill",
    DrillConfig,
    description="Restores the newest backup beside the database, and proves it.",
)
def backup_drill(context: dg.AssetExecutionContext, config: DrillConfig) -> dg.MaterializeResult:
    """Fails when the backup could not be relied on; the report says why."""
    from scheduler_defs.upkeep.backup.drilling import drill

    oldest = dt.timedelta(hours=config.oldest_hours)
    found = drill(_url(), _folder(config.folder), dt.datetime.now(dt.UTC), oldest=oldest)
    document = found.document()
    numbers = {"seconds": found.seconds, "problems": len(found.problems), **found.rows}
    lines = [
        "# Backup drill",
        "",
        *(f"- **{problem}**" for problem in found.problems),
        "",
        *markdown_table(("table", "rows"), list(found.rows.items())),
    ]
    result = report_result(context, config, "database_drill", document, "\n".join(lines) + "\n", numbers)
    if found.problems:
        raise dg.Failure("; ".join(found.problems), metadata=result.metadata or {})
    return result


def _url() -> str:
    from scheduler_defs import database

    return database.engine().url.render_as_string(hide_password=False)


def _folder(given: str) -> Path:
    from scheduler_defs.settings import settings

    return Path(given).expanduser() if given else settings().state / "backups"
