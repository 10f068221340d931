"""What is measured over the history, and against which bar."""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from benchmarks.history.filling import wait_until_healthy
from benchmarks.stack_bars import MeasuredStack
from scheduler_defs import tags
from scheduler_defs.declarations.models.settings.retention import Keep, Retention
from scheduler_defs.settings import settings, sqlalchemy_url
from scheduler_defs.stack.machine import record

RUNS_BAR = 0.2
SCHEDULES_BAR = 0.3
LEAST_RUNS_A_SECOND = 1_000
LONGEST_LOCK_SECONDS = 0.1
KEPT = Retention(runs=Keep(age=dt.timedelta(days=36), most=10**8), events=dt.timedelta(days=400))
"""A tenth of a year."""
_TIMES = 9
_PAGE = (Path(__file__).parent / "runs_page.graphql").read_text()
_OF_TABLES = (
    "SELECT sum(pg_total_relation_size(name::regclass))::float8 AS bytes,"
    " (SELECT count(*) FROM runs) AS runs,"
    " pg_total_relation_size('signalbox.occurrences')::float8 AS ledger,"
    " (SELECT count(*) FROM signalbox.occurrences) AS rows"
    " FROM unnest(ARRAY['runs', 'run_tags', 'event_logs']) AS name"
)


def answers(stack: MeasuredStack) -> None:
    """Commands from their start to their end, and requests to the webserver."""
    wait_until_healthy(stack)
    one = {"tags": [{"key": tags.SCHEDULE, "value": "s-5"}]}
    asked: dict[str, tuple[float, Callable[[], object]]] = {
        "signalbox runs list, the whole command": (RUNS_BAR, lambda: stack.run("runs", "list", "--json")),
        "GET /api/v1/runs": (RUNS_BAR, lambda: _get(stack, "/api/v1/runs?limit=20")),
        "the same of one schedule": (RUNS_BAR, lambda: _get(stack, "/api/v1/runs?schedule=s-5")),
        "the same, failed ones": (RUNS_BAR, lambda: _get(stack, "/api/v1/runs?status=FAILURE")),
        "runs page: its rows": (RUNS_BAR, lambda: _page(stack, "RunsFeedRootQuery", filter={})),
        "runs page: rows of one schedule": (RUNS_BAR, lambda: _page(stack, "RunsFeedRootQuery", filter=one)),
        "runs page: counts of its tabs": (RUNS_BAR, lambda: _page(stack, "RunFeedTabsCountQuery", **_TABS)),
        "signalbox schedules list, the whole command": (
            SCHEDULES_BAR,
            lambda: stack.run("schedules", "list", "--json"),
        ),
        "GET /api/v1/schedules": (SCHEDULES_BAR, lambda: _get(stack, "/api/v1/schedules?limit=200")),
        "signalbox schedules history s-5, the whole command": (
            SCHEDULES_BAR,
            lambda: stack.run("schedules", "history", "s-5", "--json"),
        ),
        "signalbox why schedule:s-5, the whole command": (1.0, lambda: stack.run("why", "schedule:s-5")),
        "GET /metrics": (1.0, lambda: _get(stack, "/metrics")),
        "signalbox doctor, the whole command": (5.0, lambda: stack.run("doctor", "--json", wrong=True)),
    }
    found = record.read(stack.state)
    assert found is not None
    server = psutil.Process(next(each.pid for each in found.components if each.name == "webserver"))
    for name, (bar, ask) in asked.items():
        ask()
        took: list[float] = []
        before = _cpu(server)
        for _ in range(_TIMES):
            began = time.perf_counter()
            ask()
            took.append(time.perf_counter() - began)
        cpu = (_cpu(server) - before) / _TIMES
        middle, worst = statistics.median(took), max(took)
        print(
            f"{name:52} median {middle * 1000:6.0f} ms  worst {worst * 1000:6.0f} ms   bar {bar * 1000:.0f}"
            f"{'   OVER' if middle > bar else ''}   CPU {cpu * 1000:.0f} ms, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def _cpu(server: psutil.Process) -> float:
    """Seconds of the webserver and of the commands that have ended."""
    served, commands = server.cpu_times(), resource.getrusage(resource.RUSAGE_CHILDREN)
    return served.user + served.system + commands.ru_utime + commands.ru_stime


_TABS = {
    "queuedFilter": {"statuses": ["QUEUED"]},
    "inProgressFilter": {"statuses": ["STARTED", "STARTING", "CANCELING"]},
}


def _page(stack: MeasuredStack, operation: str, **variables: Any) -> None:
    asked = {"limit": 30, "cursor": None, "view": "ROOTS", **variables}
    body = {"operationName": operation, "query": _PAGE, "variables": asked}
    answer = _get(stack, "/graphql", body)
    if "errors" in answer:
        raise RuntimeError(str(answer["errors"])[:500])


def _get(stack: MeasuredStack, path: str, body: Mapping[str, Any] | None = None) -> Any:
    found = record.read(stack.state)
    assert found is not None and found.ui
    request = urllib.request.Request(
        found.ui + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        text = response.read()
    return json.loads(text) if path != "/metrics" else text


def size(stack: MeasuredStack, *, full: bool = False) -> None:
    """What a run takes with its tags and events, and what a line of the ledger takes; indexes included."""
    if full:
        engine = _engine(stack)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in ("runs", "run_tags", "event_logs"):
                connection.execute(sa.text(f"VACUUM FULL {table}"))
        engine.dispose()
    (row,) = stack.rows(_OF_TABLES)
    print(
        f"{row.runs:,} runs take {row.bytes / 1e9:.2f} GB, {row.bytes / row.runs:,.0f} bytes each"
        f"{' after VACUUM FULL' if full else ''};"
        f" {row.rows:,} lines of the ledger {row.ledger / row.rows:,.0f} each",
        flush=True,
    )


def pruning(stack: MeasuredStack) -> None:
    """The pass that retention makes, while somebody writes one row again and again."""
    from scheduler_defs.upkeep.retention.prune import prune

    engine = _engine(stack)
    over = threading.Event()
    waits: list[float] = []
    writer = threading.Thread(target=_write, args=(_engine(stack), over, waits))
    writer.start()
    began = time.perf_counter()
    try:
        done = prune(engine, KEPT, settings(), dt.datetime.now(dt.UTC))
    finally:
        seconds = time.perf_counter() - began
        over.set()
        writer.join()
        engine.dispose()
    waits.sort()
    rate = done.runs / seconds
    slow = rate < LEAST_RUNS_A_SECOND or done.longest_lock_seconds > LONGEST_LOCK_SECONDS
    print(
        f"pruned {done.runs:,} runs, {done.events:,} events in {seconds:.0f} s: {rate:,.0f} runs a second,"
        f" longest lock {done.longest_lock_seconds * 1000:.0f} ms{'   OVER' if slow else ''};"
        f" somebody who added tags meanwhile waited {waits[len(waits) // 2] * 1000:.0f} ms,"
        f" at most {waits[-1] * 1000:.0f} ms ({len(waits):,} times); load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def _write(engine: sa.Engine, over: threading.Event, waits: list[float]) -> None:
    tagged = sa.text(
        "INSERT INTO run_tags (run_id, key, value)"
        " SELECT run_id, 'bench', 'x' FROM runs ORDER BY id DESC LIMIT 1"
    )
    while not over.wait(0.02):
        began = time.perf_counter()
        with engine.begin() as connection:
            connection.execute(tagged)
        waits.append(time.perf_counter() - began)
    engine.dispose()


def _engine(stack: MeasuredStack) -> sa.Engine:
    found = record.read(stack.state)
    assert found is not None
    return sa.create_engine(sqlalchemy_url(found.exports["SIGNALBOX_POSTGRES_URL"]), pool_pre_ping=True)
