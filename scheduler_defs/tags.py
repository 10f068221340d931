"""Run tags: the contract between the parts (design section 4).

Everything that launches a run sets them through `scheduler_defs.launching`; everything that reads runs
(history, limits, retries, the agent queues) reads these names and no others.
"""

from enum import StrEnum

SCHEDULE = "signalbox/schedule"
SCHEDULED_FOR = "signalbox/scheduled_for"
TRIGGER = "signalbox/trigger"
JOB = "signalbox/job"
AGENT = "signalbox/agent"
QUEUE = "signalbox/queue"
TASK = "signalbox/task"
ATTEMPT = "signalbox/attempt"
MAX_ATTEMPTS = "signalbox/max_attempts"
ROOT_RUN = "signalbox/root_run"
DIRECTIVE = "signalbox/directive"
ACTOR = "signalbox/actor"
REASON = "signalbox/reason"
MISSED = "signalbox/missed"
FAILURE = "signalbox/failure"
EXIT_CODE = "signalbox/exit_code"
RETRY_AT = "signalbox/retry_at"
RETRY_CANCELLED = "cancelled"
"""The value of RETRY_AT of a run whose retry was called off."""

RETRIES = "signalbox/retries"
ERROR = "signalbox/error"
WORKER = "signalbox/worker"

PRIORITY = "dagster/priority"
MAX_RUNTIME = "dagster/max_runtime"
CELERY_QUEUE = "dagster-celery/queue"
DAGSTER_PARENT_RUN = "dagster/parent_run_id"
DAGSTER_ROOT_RUN = "dagster/root_run_id"


class Trigger(StrEnum):
    """Why a run exists."""

    SCHEDULE = "schedule"
    RUN_NOW = "run_now"
    RETRY = "retry"
    AGENT_QUEUE = "agent_queue"
    MANUAL = "manual"
    API = "api"


class Failure(StrEnum):
    """Why a run failed: the value of the `signalbox/failure` tag."""

    TIMEOUT = "timeout"
    WORKER_LOST = "worker_lost"
    EXIT_CODE = "exit_code"
    ERROR = "error"
