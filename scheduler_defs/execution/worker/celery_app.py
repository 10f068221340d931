"""The Celery app: `celery -A scheduler_defs.execution.worker.celery_app worker -P prefork -Q runs -c N`.

Signalbox uses Celery for one thing: to hand a run or a step to a free worker process at once. What became
of it is never asked of Celery: there is no result backend, and truth is the lease and Dagster's event log.
So any broker will do, and messages may be lost or delivered twice without harm.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

from scheduler_defs.execution.queue.capacity import RUN_QUEUE as RUN_QUEUE
from scheduler_defs.execution.queue.capacity import STEP_QUEUE as STEP_QUEUE
from scheduler_defs.settings import settings

RUN_TASK = "signalbox.run"
STEP_TASK = "signalbox.step"
CHECKED = "scheduler_defs.execution.worker.poison:strategy"
"""How a worker takes messages of these tasks in: those that are no calls of them are dropped."""
_SLOTS = "scheduler_defs.execution.worker.slots:Slots"
_TASKS = ("scheduler_defs.execution.worker.processes", "scheduler_defs.execution.steps.task")

# Redis and Valkey hand an unacknowledged message to somebody else after this time. Ours are acknowledged on
# receipt, so this concerns only what a worker that died had fetched and not begun.
_VISIBILITY_TIMEOUT_SECONDS = 24 * 3600


def transport_options(broker_url: str) -> dict[str, Any]:
    """What the broker at `broker_url` must be told, by kind of broker."""
    if broker_url.startswith(("redis", "valkey", "sentinel")):
        return {
            "visibility_timeout": _VISIBILITY_TIMEOUT_SECONDS,
            "socket_keepalive": True,
            "socket_connect_timeout": 5,
            "health_check_interval": 10,
            "max_retries": 3,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 0.5,
        }
    return {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}


def broker_url(url: str) -> str:
    """`url` as Celery spells it: Valkey speaks Redis' protocol."""
    for scheme, spoken in (("valkey://", "redis://"), ("valkeys://", "rediss://")):
        if url.startswith(scheme):
            return spoken + url.removeprefix(scheme)
    return url


def make_app(url: str | None) -> Celery:
    """An app for the broker at `url` (without one, tasks are known and sending fails)."""
    broker = broker_url(url) if url else "memory://"
    redis = broker.startswith(("redis", "sentinel"))
    app = Celery("signalbox", broker=broker, include=list(_TASKS))
    app.conf.update(
        task_default_queue=RUN_QUEUE,
        task_default_delivery_mode="persistent",
        task_ignore_result=True,
        # A worker must hold no more messages than it has free slots, or they wait there while others idle.
        # With Redis Celery sees to that itself; elsewhere what is not acknowledged counts, and so messages
        # are acknowledged at the end. Delivered again, they do no harm.
        task_acks_late=not redis,
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=redis,
        worker_hijack_root_logger=False,
        # What steps print goes to their files, not through the worker's log.
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=True,
        worker_autoscaler=_SLOTS,
        # A process that is forked while the machine is busy, or the database away, is not ended for that.
        worker_proc_alive_timeout=30.0,
        broker_transport_options=transport_options(broker),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A login that is refused is an error of a channel in AMQP: a broker that is back without its users.
        # The worker waits for it, and what it runs goes on.
        broker_channel_error_retry=True,
        broker_heartbeat=10,
        control_queue_ttl=60,
        enable_utc=True,
    )
    return app


app = make_app(settings().broker_url)
