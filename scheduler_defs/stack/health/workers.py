"""The Celery workers as the database knows them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from scheduler_defs.execution.life.terms import terms
from scheduler_defs.stack.health.checks import rows

# Workers that still beat, with what each runs: its own count, or its leases where those are more.
LIVE_WORKERS = """
    SELECT w.id, w.host, w.pid, w.queues, w.slots, w.heartbeat,
           greatest(w.busy, (
               SELECT count(*) FROM signalbox.leases AS held WHERE held.worker_id = w.id AND held.lost IS NULL
           ))
    FROM signalbox.workers w
    WHERE w.heartbeat BETWEEN now() - make_interval(secs => %s) AND now() + make_interval(secs => %s)
    ORDER BY w.host, w.started, w.id
"""


@dataclass(frozen=True)
class WorkerRow:
    """One worker: its slots, and how many of them are busy."""

    id: str
    host: str
    pid: int
    queues: tuple[str, ...]
    slots: int
    busy: int
    heartbeat: dt.datetime


def live_workers(postgres_url: str) -> list[WorkerRow]:
    """Every worker that beats, on whatever host."""
    silence = terms().silence.total_seconds()
    found = rows(postgres_url, LIVE_WORKERS, (silence, silence))
    return [
        WorkerRow(id_, host, pid, tuple(queues), slots, busy, heartbeat)
        for id_, host, pid, queues, slots, heartbeat, busy in found
    ]
