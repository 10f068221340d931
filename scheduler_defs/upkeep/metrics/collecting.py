"""One scrape: a handful of statements, each over an index or a small table, and their numbers as metrics.

Labels are queues, statuses, outcomes and daemons: what is declared or fixed, so their number is bounded.
Names of schedules, jobs and runs are no labels.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from scheduler_defs.database.named_sql import NamedSql

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_QUEUES = 200
"""Beyond this the queues with the most are named, and the others are one: `other`."""

_statement = NamedSql(Path(__file__).parent)


def scrape(engine: sa.Engine, now: dt.datetime) -> bytes:
    """All metrics as Prometheus reads them. Raises SQLAlchemyError when the database does not answer."""
    registry = CollectorRegistry(auto_describe=False)
    with engine.connect() as connection:
        registry.register(_Read(connection, now))
        return generate_latest(registry)


class _Read(Collector):
    def __init__(self, connection: sa.Connection, now: dt.datetime) -> None:
        self._connection = connection
        self._now = now

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()  # or registering would read everything once more

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._queues()
        yield from self._runs()
        yield from self._workers()
        yield from self._ledger()
        yield from self._rest()

    def _rows(self, name: str, **values: object) -> list[sa.Row[tuple[object, ...]]]:
        return list(self._connection.execute(_statement(name), values))

    def _queues(self) -> Iterator[GaugeMetricFamily]:
        depth = _gauge("queue_depth", "Runs that wait, by Celery queue.", "queue")
        oldest = _gauge("queue_oldest_seconds", "How long the oldest waiting run waits.", "queue")
        for row in sorted(self._rows("queue"), key=lambda row: -row.depth)[:MOST_QUEUES]:
            depth.add_metric([row.queue], row.depth)
            oldest.add_metric([row.queue], row.oldest)
        yield from (depth, oldest)

    def _runs(self) -> Iterator[GaugeMetricFamily]:
        active = _gauge("runs", "Unfinished runs, by status.", "status")
        for row in self._rows("active"):
            active.add_metric([row.status], row.runs)
        ended = _gauge("runs_ended_last_hour", "Runs that ended in the last hour, by outcome.", "status")
        took = _gauge("run_seconds", "Length of runs of the last hour.", "status", "quantile")
        waited = _gauge("run_wait_seconds", "From creation to start, of the last hour.", "status", "quantile")
        for row in self._rows("ended"):
            ended.add_metric([row.status], row.runs)
            took.add_metric([row.status, "0.5"], row.took_p50)
            took.add_metric([row.status, "0.95"], row.took_p95)
            waited.add_metric([row.status, "0.95"], row.waited_p95)
        yield from (active, ended, took, waited)
        (retries,) = self._rows("retries", now=self._now.isoformat(timespec="milliseconds"))
        yield _gauge("retries_waiting", "Failed runs whose next attempt is to come.", value=retries.waiting)

    def _workers(self) -> Iterator[GaugeMetricFamily]:
        (workers,) = self._rows("workers")
        yield _gauge("workers", "Workers that beat.", value=workers.workers)
        yield _gauge("slots", "Slots of live workers.", value=workers.slots)
        (leases,) = self._rows("leases")
        yield _gauge("leases", "Leases that are held: runs and steps at work.", value=leases.held)
        yield _gauge(
            "lease_oldest_renewal_seconds",
            "Age of the oldest renewal.",
            value=leases.oldest_renewal,
        )
        silence = _gauge("daemon_silence_seconds", "Since each daemon's last heartbeat.", "daemon")
        for row in self._rows("daemons"):
            silence.add_metric([row.daemon], row.silence)
        yield silence

    def _ledger(self) -> Iterator[GaugeMetricFamily]:
        outcomes = _gauge("occurrences_last_day", "Occurrences due in the last day, by outcome.", "outcome")
        for row in self._rows("occurrences"):
            outcomes.add_metric([row.outcome], row.occurrences)
        yield outcomes
        (gaps,) = self._rows("gaps")
        yield _gauge("ledger_gaps", "Decided occurrences without their run for two minutes.", value=gaps.gaps)

    def _rest(self) -> Iterator[GaugeMetricFamily]:
        tasks = _gauge("tasks", "Tasks of the Postgres queues, by queue and status.", "queue", "status")
        for row in sorted(self._rows("tasks"), key=lambda row: -row.tasks)[:MOST_QUEUES]:
            tasks.add_metric([row.queue, row.status], row.tasks)
        yield tasks
        (alerts,) = self._rows("alerts")
        yield _gauge("alerts_waiting", "Alerts that are still to be sent.", value=alerts.waiting)
        (size,) = self._rows("size")
        yield _gauge("database_bytes", "Size of the database.", value=size.bytes)


def _gauge(name: str, meaning: str, *labels: str, value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"signalbox_{name}", meaning, value=value, labels=labels or None)
