"""Run tags: the contract between the parts (design section 4).

What is launched here is composed by `scheduler_defs.launching`; whatever else launches a run, it is completed
by `scheduler_defs.execution.admission`. Everything that reads runs (history, limits, retries, the agent
queues) reads these names and no others.
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
ORDERED_RUN = "signalbox/ordered_run"
"""On a schedule's run request only: the run id that the ledger gives it. The run does not carry it."""

ELSEWHERE = "signalbox/elsewhere"
"""On a request only: what is to be run in another location. The run does not carry it."""

FAILURE = "signalbox/failure"
EXIT_CODE = "signalbox/exit_code"
RETRY_AT = "signalbox/retry_at"
RETRY_CANCELLED = "cancelled"
"""The value of RETRY_AT of a run whose retry was called off."""

DELIVERY = "signalbox/delivery"
"""Of a run that a webhook asked for: which request, as a digest."""

REQUEST = "signalbox/request"
"""Of a run that a request with an Idempotency-Key asked for: whose key, as a digest."""

OF_ONE_REQUEST = (REQUEST, DELIVERY)
"""Of each there is one run, however often and by how many servers the request is carried out."""

GATES = "signalbox/gates"
"""Of a run that goes on with a job: the steps to which people must agree before it starts."""
AFTER_RUN = "signalbox/after_run"
"""Of the same: the run whose steps it does not do again."""
NEXT_STAGE = "signalbox/next_stage"
"""Of a run that has come to such a step: whether another has gone on."""

RETRIES = "signalbox/retries"
IGNORED = "signalbox/ignored"
"""What a launch gave and nobody can use, as JSON of tags. The run does not carry them themselves."""
KEEP_PROCESSES = "signalbox/keep_processes"
"""Of a run of somebody's Python code, `true`: what it has left running when it ends by itself stays."""
ERROR = "signalbox/error"
WORKER = "signalbox/worker"

TOKENS_FRESH = "signalbox/tokens_fresh"
TOKENS_CACHED = "signalbox/tokens_cached"
TOKENS_TURNS = "signalbox/tokens_turns"
TOKENS_COST_USD = "signalbox/tokens_cost_usd"
"""What an agent's program says that it has used, as counts: never what was asked or answered."""

TOKENS = frozenset({TOKENS_FRESH, TOKENS_CACHED, TOKENS_TURNS, TOKENS_COST_USD})
OF_ONE_ATTEMPT = frozenset({FAILURE, ERROR, EXIT_CODE, RETRY_AT, WORKER, NEXT_STAGE}) | TOKENS
"""What became of one attempt. No other run carries it, however much it copies from this one."""

PRIORITY = "dagster/priority"
MAX_RUNTIME = "dagster/max_runtime"
CELERY_QUEUE = "dagster-celery/queue"
BACKFILL = "dagster/backfill"
DAGSTER_PARENT_RUN = "dagster/parent_run_id"
DAGSTER_ROOT_RUN = "dagster/root_run_id"


class Trigger(StrEnum):
    """Why a run exists."""

    SCHEDULE = "schedule"
    RUN_NOW = "run_now"
    RETRY = "retry"
    AGENT_QUEUE = "agent_queue"
    MANUAL = "manual"
    """By hand: the launchpad, a re-execution, `dagster` and `signalbox` commands, GraphQL."""
    API = "api"
    SENSOR = "sensor"
    """A sensor of somebody's own, or an automation condition."""
    BACKFILL = "backfill"


class Failure(StrEnum):
    """Why a run failed: the value of the `signalbox/failure` tag."""

    TIMEOUT = "timeout"
    WORKER_LOST = "worker_lost"
    EXIT_CODE = "exit_code"
    ERROR = "error"


DECLARED = "declared"
"""Metadata of a schedule in Dagster: its declared name."""
DUE = "due"
"""Metadata of a schedule whose cron says more than its occurrences: its rule, which says just them."""


def for_again(request: str, run_id: str) -> str:
    """The value of `REQUEST` where the run is to be launched once more."""
    return f"{request}:{run_id}"


def is_for_again(request: str | None, run_id: str) -> bool:
    """Whether it asks for this run once more, and was not copied from it."""
    return request is not None and request.endswith(f":{run_id}")
