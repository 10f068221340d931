"""A Celery worker of ours: what it does with a message, and what it does when it starts, drains and ends."""

from __future__ import annotations

import atexit
import io
import logging
import os
import signal
import sys
from typing import Any

import celery.signals
from celery import Task
from celery.worker import state

from scheduler_defs.execution.life import identity as identities
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.worker import poison
from scheduler_defs.execution.worker.beat import Beat, Pool
from scheduler_defs.execution.worker.celery_app import CHECKED, RUN_TASK, app
from scheduler_defs.execution.worker.hearing import Hearing
from scheduler_defs.execution.worker.registry import Worker

logger = logging.getLogger(__name__)

# Read here, where a fault in the environment ends the worker: Celery only logs errors of signal handlers.
_TERMS = terms()
_beat: Beat | None = None
_hearing: Hearing | None = None


@app.task(bind=True, name=RUN_TASK, Strategy=CHECKED)
def run(task: Task[Any, Any], run_id: str) -> None:
    """Execute a Dagster run. Whatever becomes of it is written to Dagster's event log by whoever knows."""
    from scheduler_defs.execution.worker.running.run import execute

    execute(run_id, queue_of(task))


def queue_of(task: Task[Any, Any]) -> str:
    delivery = task.request.delivery_info or {}
    return str(delivery.get("routing_key") or delivery.get("exchange") or "")


@celery.signals.worker_init.connect
def assume_identity(sender: Any, **_: Any) -> None:
    """In the main process, before its children are forked: they are born with the definitions loaded."""
    identities.assume(sender.hostname)
    poison.drop_unreadable_items()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from scheduler_defs.execution.worker.running.warm import preload

    preload()


@celery.signals.worker_ready.connect
def begin_to_beat(sender: Any, **_: Any) -> None:
    """In the main process, when it is about to take messages. `sender` is Celery's consumer.

    Celery says so again each time it has lost its broker and found it again.
    """
    global _beat, _hearing
    if _hearing is None:
        _hearing = Hearing(lambda: _children(sender.pool))
    _hearing.connected(sender)
    if _beat is not None:
        return
    found = identities.identity()
    if found is None:
        raise RuntimeError("worker_init was not sent: this is not a Celery worker")
    worker = Worker(
        id=found.id,
        host=found.host,
        pid=found.pid,
        queues=tuple(sorted(sender.app.amqp.queues.consume_from)),
        slots=sender.controller.max_concurrency or sender.pool.limit or 1,
        versions=identities.versions(),
    )
    pool = Pool(children=lambda: _children(sender.pool), why_deaf=_hearing.why_deaf)
    _beat = Beat(worker, found, pool, _TERMS)
    _beat.start()
    atexit.register(end)


@celery.signals.worker_shutting_down.connect
def drain(**_: Any) -> None:
    """In the main process' signal handler: no locks, no I/O."""
    if _hearing is not None:
        _hearing.closing()
    if _beat is not None:
        _beat.drain()


@celery.signals.worker_shutdown.connect
def end(**_: Any) -> None:
    """In the main process, when its children have ended. (Celery sends no signal after a cold shutdown.)"""
    global _beat
    beat, _beat = _beat, None
    if beat is not None and (found := identities.identity()) is not None and found.pid == os.getpid():
        beat.stop()


@celery.signals.task_revoked.connect
def told_to_stop(request: Any, terminated: bool, **_: Any) -> None:
    """In the main process, when a cancelled run's child has been sent SIGTERM.

    What Celery hands over knows the task's id alone; which child has it, its own list of tasks knows.
    """
    pid = _child_of(request.id) if terminated else None
    if _beat is not None and pid is not None:
        _beat.told_to_stop(pid)


@celery.signals.worker_process_init.connect
def warm_up(**_: Any) -> None:
    """In a child: open the instance and load the definitions before the first run asks for them."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    for stream in (sys.stdout, sys.stderr):
        # What a step prints is to be seen while it runs, though its stdout is a file.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    if (found := identities.identity()) is not None:
        found.lifeline.let_go()
    from scheduler_defs.execution.worker.running.warm import prepare

    prepare()


@celery.signals.task_prerun.connect
def reset_signals(**_: Any) -> None:
    """In a child. Dagster leaves SIGTERM ignored after the first run, and Celery ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@celery.signals.task_postrun.connect
def let_end(**_: Any) -> None:
    """In a child that waits for work: SIGTERM ends it, SIGINT (Ctrl-C in the worker's terminal) does not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _children(pool: Any) -> list[int]:
    """Pids of the children of Celery's prefork pool (private: `AsynPool._pool`)."""
    inner = pool._pool
    return [process.pid for process in list(inner._pool)] if inner is not None else []


def _child_of(task_id: str) -> int | None:
    """The child that has begun with the task."""
    working = (each.worker_pid for each in list(state.active_requests) if each.id == task_id)
    return next(working, None)
