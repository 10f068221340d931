"""One scrape: a handful of statements, each over an index or a small table, and their numbers as metrics.

Labels are queues, agents, budgets, statuses, outcomes and daemons: what is declared or fixed, and bounded.
Names of schedules, jobs and runs are no labels.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from scheduler_defs.database.named_sql import NamedSql

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_QUEUES = 200
"""Beyond this the queues with the most are named, and the others are one: `other`. Of agents as well."""
OTHER = "other"
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 28_800.0)
"""Of the histograms, in seconds."""

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

    def describe(self) -> Iterable[Metric]:
        return ()  # or registering would read everything once more

    @override
    def collect(self) -> Iterator[Metric]:
        yield from self._queues()
        yield from self._runs()
        yield from self._workers()
        yield from self._ledger()
        yield from self._rest()

    def _rows(self, name: str, **values: object) -> list[sa.Row[tuple[object, ...]]]:
        return list(self._connection.execute(_statement(name), values))

    def _queues(self) -> Iterator[Metric]:
        depth = _gauge("queue_depth", "Runs that wait, by Celery queue.", "queue")
        oldest = _gauge("queue_oldest_seconds", "How long the oldest waiting run waits.", "queue")
        rows = sorted(self._rows("queue"), key=lambda row: -row.depth)
        for row in rows[:MOST_QUEUES]:
            depth.add_metric([row.queue], row.depth)
            oldest.add_metric([row.queue], row.oldest)
        if others := rows[MOST_QUEUES:]:
            depth.add_metric([OTHER], sum(row.depth for row in others))
            oldest.add_metric([OTHER], max(row.oldest for row in others))
        yield from (depth, oldest)
        waited = _gauge(
            "queue_wait_seconds", "Wait of runs that began in the last hour.", "queue", "quantile"
        )
        rows = sorted(self._rows("waited"), key=lambda row: -row.waited_p95)
        for row in rows[:MOST_QUEUES]:
            _quantile(waited, 0.95, row.waited_p95, queue=row.queue)
        if others := rows[MOST_QUEUES:]:
            _quantile(waited, 0.95, max(row.waited_p95 for row in others), queue=OTHER)
        yield waited

    def _runs(self) -> Iterator[Metric]:
        active = _gauge("runs", "Unfinished runs, by status.", "status")
        for row in self._rows("active"):
            active.add_metric([row.status], row.runs)
        ended = _gauge("runs_ended_last_hour", "Runs that ended in the last hour, by outcome.", "status")
        took = _summary("run_seconds", "Length of runs of the last hour.")
        waited = _summary("run_wait_seconds", "From creation to start, of the last hour.")
        for row in self._rows("ended"):
            ended.add_metric([row.status], row.runs)
            _quantile(took, 0.5, row.took_p50, status=row.status)
            _quantile(took, 0.95, row.took_p95, status=row.status)
            _quantile(waited, 0.95, row.waited_p95, status=row.status)
        yield from (active, ended, took, waited)
        yield from self._spread()
        (retries,) = self._rows("retries", now=self._now.isoformat(timespec="milliseconds"))
        yield _gauge("retries_waiting", "Failed runs whose next attempt is to come.", value=retries.waiting)

    def _spread(self) -> Iterator[HistogramMetricFamily]:
        rows = self._rows("spread", bounds=list(BOUNDS))
        meanings = {
            "took": ("run_length_last_hour_seconds", "Length of the runs that ended in the last hour."),
            "waited": ("run_start_last_hour_seconds", "From creation to start, of the same runs."),
        }
        for what, (name, meaning) in meanings.items():
            found = HistogramMetricFamily(f"signalbox_{name}", meaning, labels=["status"])
            for status in sorted({row.status for row in rows}):
                own = [row for row in rows if (row.what, row.status) == (what, status)]
                names = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
                upto = [sum(row.runs for row in own if row.bucket <= n) for n, _ in enumerate(names)]
                seconds = sum(row.seconds for row in own)
                found.add_metric([status], list(zip(names, upto, strict=True)), seconds)
            yield found

    def _workers(self) -> Iterator[Metric]:
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
        (passes,) = self._rows("iteration")
        yield _gauge("dequeue_seconds", "The longest pass over the queue of late.", value=passes.seconds)

    def _ledger(self) -> Iterator[Metric]:
        outcomes = _gauge(
            "occurrences_last_day", "Occurrences decided in the last day, by outcome.", "outcome"
        )
        for row in self._rows("occurrences"):
            outcomes.add_metric([row.outcome], row.occurrences)
        yield outcomes
        (late,) = self._rows("late")
        lateness = _summary("lateness_seconds", "From when an occurrence was due to its decision.")
        _quantile(lateness, 0.5, late.p50)
        _quantile(lateness, 0.95, late.p95)
        yield lateness
        ticks = _gauge("ticks_last_10_minutes", "Ticks of schedules and sensors.", "kind", "status")
        for row in self._rows("ticks"):
            ticks.add_metric([row.kind, row.status], row.ticks)
        yield ticks
        (gaps,) = self._rows("gaps")
        yield _gauge("ledger_gaps", "Decided occurrences without their run for two minutes.", value=gaps.gaps)

    def _rest(self) -> Iterator[Metric]:
        tasks = _gauge("tasks", "Tasks of the Postgres queues, by queue and status.", "queue", "status")
        rows = sorted(self._rows("tasks"), key=lambda row: -row.tasks)
        for row in rows[:MOST_QUEUES]:
            tasks.add_metric([row.queue, row.status], row.tasks)
        for status in sorted({row.status for row in rows[MOST_QUEUES:]}):
            others = sum(row.tasks for row in rows[MOST_QUEUES:] if row.status == status)
            tasks.add_metric([OTHER, status], others)
        yield tasks
        tokens = _gauge("agent_tokens_last_day", "Tokens that agents have used, by agent.", "agent")
        rows = sorted(self._rows("tokens"), key=lambda row: -row.tokens)
        for row in rows[:MOST_QUEUES]:
            tokens.add_metric([row.agent], row.tokens)
        if rows[MOST_QUEUES:]:
            tokens.add_metric([OTHER], sum(row.tokens for row in rows[MOST_QUEUES:]))
        yield tokens
        budgets = _gauge("budgets_reached", "Counts of budgets that are used up, by budget.", "budget")
        for row in sorted(self._rows("budgets"), key=lambda row: -row.reached)[:MOST_QUEUES]:
            budgets.add_metric([row.budget], row.reached)
        yield budgets
        (alerts,) = self._rows("alerts")
        yield _gauge("alerts_waiting", "Alerts that are still to be sent.", value=alerts.waiting)
        (size,) = self._rows("size")
        yield _gauge("database_bytes", "Size of the database.", value=size.bytes)


def _gauge(name: str, meaning: str, *labels: str, value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"signalbox_{name}", meaning, value=value, labels=labels or None)


def _summary(name: str, meaning: str) -> Metric:
    return Metric(f"signalbox_{name}", meaning, "summary")


def _quantile(of: Metric, quantile: float, seconds: float, **labels: str) -> None:
    of.add_sample(of.name, {**labels, "quantile": f"{quantile:g}"}, seconds)
