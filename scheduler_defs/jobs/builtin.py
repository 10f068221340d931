"""The built-in jobs: each a Dagster asset with a job of the same name over it."""

from typing import Any

from scheduler_defs.jobs.built import report_job
from scheduler_defs.jobs.log_triage.asset import log_triage

BUILTIN_ASSETS = (log_triage,)
BUILTIN_JOBS: dict[str, Any] = {asset.key.to_user_string(): report_job(asset) for asset in BUILTIN_ASSETS}
