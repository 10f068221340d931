"""Steps go to step workers through Celery; whether they live is asked of leases and the event log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import dagster as dg
import sqlalchemy as sa
from dagster._core.executor.step_delegating import CheckStepHealthResult, StepHandler, StepHandlerContext
from dagster._serdes import serialize_value
from dagster_celery.defaults import task_default_priority
from dagster_celery.tags import DAGSTER_CELERY_RUN_PRIORITY_TAG, DAGSTER_CELERY_STEP_PRIORITY_TAG
from dagster_shared.record import copy
from typing_extensions import override

from scheduler_defs import database, tags
from scheduler_defs.execution.broker import is_broker_outage
from scheduler_defs.execution.leases import leases
from scheduler_defs.execution.leases.leases import Lease
from scheduler_defs.execution.leases.watch import LeaseWatch
from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.steps.health import Attempt, Health, step_health
from scheduler_defs.execution.steps.progress import queue_slots, step_progress
from scheduler_defs.execution.worker import celery_app
from scheduler_defs.execution.worker.launcher import worker_lost
from scheduler_defs.settings import settings

logger = logging.getLogger(__name__)

PATIENCE = timedelta(seconds=60)
"""How long a broker that is away is waited for before the run fails."""

FORGET = sa.text(
    "DELETE FROM signalbox.leases WHERE run_id = :run_id AND step_key = :step_key AND lost IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A step that is out: its attempt, and what its message says."""

    attempt: Attempt
    task_id: str
    body: str
    priority: int | None = None


class CeleryStepHandler(StepHandler):
    """Sends a message per step, and judges running steps. One per run, in the run's worker."""

    def __init__(self) -> None:
        self._out: dict[str, Sent] = {}
        self._unserved: set[str] = set()
        self._watch = LeaseWatch()

    @property
    @override
    def name(self) -> str:
        return "CeleryStepHandler"

    @override
    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Send the step to its queue: its op's tag `dagster-celery/queue`, else `steps`.

        Raises kombu's OperationalError when the broker stays away for longer than `PATIENCE`.
        """
        yield from ()
        arguments = step_handler_context.execute_step_args
        key = _only_key(step_handler_context)
        number = self._out[key].attempt.number + 1 if key in self._out else 1
        queue = step_handler_context.step_tags[key].get(tags.CELERY_QUEUE) or celery_app.STEP_QUEUE
        task_id = f"{arguments.run_id}:{key}:{number}"
        # The worker has an instance of its own, so its description need not travel.
        body = serialize_value(copy(arguments, instance_ref=None))
        priority = message_priority(
            step_handler_context.step_tags[key],
            step_handler_context.dagster_run.tags,
            settings().broker_url or "",
        )
        self._out[key] = Sent(Attempt(number, queue, time.monotonic()), task_id, body, priority)
        self._send(key)

    @override
    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        run_id = step_handler_context.execute_step_args.run_id
        key = _only_key(step_handler_context)
        health, lease = self._judge(run_id, key)
        match health:
            case Health.LOST_WORKER if self._is_lost(key, lease):
                with database.engine().begin() as connection:
                    connection.execute(FORGET, {"run_id": run_id, "step_key": key})
                return CheckStepHealthResult.unhealthy(worker_lost(lease))
            case Health.LOST_MESSAGE:
                logger.warning("run %s, step %s: nobody took its message; sending it again", run_id, key)
                self._send(key)
            case Health.UNSERVED if key not in self._unserved:
                self._unserved.add(key)
                queue = self._out[key].attempt.queue
                step_handler_context.instance.report_engine_event(
                    f"Step {key} waits: no live worker serves the Celery queue {queue!r}.",
                    step_handler_context.dagster_run,
                    step_key=key,
                )
            case _:
                pass
        return CheckStepHealthResult.healthy()

    @override
    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """End the step: SIGTERM to the process that has it. One that waits in the queue is not begun."""
        yield from ()
        sent = self._out.get(_only_key(step_handler_context))
        if sent is None:
            return
        try:
            celery_app.app.control.revoke(sent.task_id, terminate=True, signal="SIGTERM")
        except Exception as error:
            if not is_broker_outage(error):
                raise
            # The step's worker sees at its next beat that the run is over.
            logger.warning("step %s: the broker cannot be reached (%s)", sent.task_id, error)

    def _judge(self, run_id: str, key: str) -> tuple[Health, Lease | None]:
        # One snapshot: a lease is there before a step's start is logged, and until its end has been.
        with database.engine().connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            attempt = self._out[key].attempt
            lease = leases.of_runs(connection, [run_id], key).get(run_id)
            progress = step_progress(connection, run_id, key)
            slots = queue_slots(connection, attempt.queue, terms().silence)
        return step_health(attempt, lease, progress, slots, time.monotonic()), lease

    def _is_lost(self, key: str, lease: Lease | None) -> bool:
        """A lease that was given up is. One whose row is gone may be held until its worker's next beat."""
        if lease is not None:
            return True
        mark = self._out[key].attempt.number
        return self._watch.is_lost(key, mark, terms().expiry.total_seconds(), clock.now())

    def _send(self, key: str) -> None:
        sent = self._out[key]
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while True:
            try:
                celery_app.app.send_task(
                    celery_app.STEP_TASK,
                    args=(sent.body, sent.attempt.number),
                    task_id=sent.task_id,
                    queue=sent.attempt.queue,
                    priority=sent.priority,
                )
            except Exception as error:
                if not is_broker_outage(error) or time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                self._out[key] = replace(sent, attempt=replace(sent.attempt, sent=time.monotonic()))
                return


def message_priority(
    step_tags: Mapping[str, str], run_tags: Mapping[str, str], broker_url: str
) -> int | None:
    """Of a step's message, from the tags of dagster-celery: larger is sooner, 5 unless they say otherwise.

    Redis and Valkey serve small numbers first. RabbitMQ has priorities only in queues that are declared so.
    """
    if not broker_url.startswith(("redis", "valkey", "sentinel")):
        return None
    own = _integer(step_tags.get(DAGSTER_CELERY_STEP_PRIORITY_TAG), task_default_priority)
    wanted = own + _integer(run_tags.get(DAGSTER_CELERY_RUN_PRIORITY_TAG), 0)
    return 9 - min(max(wanted, 0), 9)


def _integer(text: str | None, otherwise: int) -> int:
    try:
        return int(text) if text else otherwise
    except ValueError:
        return otherwise


def _only_key(context: StepHandlerContext) -> str:
    (key,) = context.execute_step_args.step_keys_to_execute or [""]
    return key
