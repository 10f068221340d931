"""The built-in jobs: each a Dagster asset with a job of the same name over it."""

from typing import Any

from scheduler_defs.jobs.gpu_report.asset import gpu_report
from scheduler_defs.jobs.log_triage.asset import log_triage
from scheduler_defs.jobs.report_asset import report_job
from scheduler_defs.jobs.service_map.asset import service_map

BUILTIN_ASSETS = (log_triage, service_map, gpu_report)
BUILTIN_JOBS: dict[str, Any] = {asset.key.to_user_string(): report_job(asset) for asset in BUILTIN_ASSETS}
