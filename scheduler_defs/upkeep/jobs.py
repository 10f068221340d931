"""The built-in jobs by which the stack looks after itself."""

from typing import Any

from scheduler_defs.jobs.report_asset import report_job
from scheduler_defs.upkeep.backup.assets import backup, backup_drill
from scheduler_defs.upkeep.retention.asset import prune
from scheduler_defs.upkeep.review.asset import schedule_review

UPKEEP_ASSETS = (prune, backup, backup_drill, schedule_review)
UPKEEP_JOBS: dict[str, Any] = {asset.key.to_user_string(): report_job(asset) for asset in UPKEEP_ASSETS}
