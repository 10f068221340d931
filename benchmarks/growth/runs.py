"""So many runs, waiting or over: a pass of the loop that lets runs out, and the newest in a list."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from benchmarks.growth.figures import Figure, median_seconds
from benchmarks.history.filling import JOBS, fill_tables, write_yard
from benchmarks.stack_bars import seconds
from scheduler_defs import database, tags
from tests.standins.web import Web
from tests.standins.yard_web import serving_yard
from tests.unit.execution.dequeue.setting import Queue, add_worker, copy_run, submit

LIST_BAR = 0.2
EVENTS = 5
_TIMES = 5
_LIMITS = "limits:\n  one-team: {key: team, value: a, limit: 1}\n"


def queued(folder: Path, url: str, size: int) -> Iterator[Figure]:
    """Waiting behind a limit: the first pass, one without news, and one that starts a run that may go."""
    with _yard(folder, url) as (web, queue):
        (running,) = _started(queue, submit(queue.instance, team="a"))
        copy_run(url, submit(queue.instance, team="a"), size - 1)
        _analyze(url)
        _beat(url)
        yield Figure("queue", "the daemon's first pass", size, seconds(lambda: _none(queue)))
        yield Figure("queue", "a pass without news", size, median_seconds(lambda: _none(queue), 11))
        yield Figure("queue", "a pass that starts the one run that may go", size, _starting(queue))
        yield Figure("queue", "runs list", size, _listed(web), bar=LIST_BAR)
        assert queue.status(running) == "STARTING"


def history(folder: Path, url: str, size: int) -> Iterator[Figure]:
    """Over: nothing of them is to be read again."""
    with _yard(folder, url) as (web, queue):
        templates = [_ended(queue, number) for number in range(JOBS)]
        fill_tables(database.engine(url), templates, size, schedules=200, events=EVENTS)
        _beat(url)
        yield Figure("history", "a pass without news", size, median_seconds(lambda: _none(queue), 11))
        yield Figure("history", "a pass that starts the one run that may go", size, _starting(queue))
        yield Figure("history", "runs list", size, _listed(web), bar=LIST_BAR)
        of_one = _listed(web, "&schedule=s-5")
        yield Figure("history", "runs list of one schedule", size, of_one, bar=LIST_BAR)


@contextmanager
def _yard(folder: Path, url: str) -> Iterator[tuple[Web, Queue]]:
    write_yard(folder / "config", schedules=20)
    (folder / "config" / "limits.yaml").write_text(_LIMITS)
    with serving_yard(folder, url) as web:
        queue = Queue(web.instance, url)
        add_worker(url, "w", ["runs"], 100)
        with queue.daemon:
            yield web, queue


def _started(queue: Queue, *expected: str) -> list[str]:
    found = queue.iterate()
    assert found == list(expected), found
    return found


def _none(queue: Queue) -> None:
    _started(queue)


def _starting(queue: Queue) -> float:
    """The median of the pass after a run has come that no limit is about."""
    took: list[float] = []
    for _ in range(_TIMES):
        free = submit(queue.instance, team="b")
        _beat(queue.url)
        took.append(seconds(lambda free=free: _started(queue, free)))
    return statistics.median(took)


def _ended(queue: Queue, number: int) -> str:
    run_id = submit(queue.instance, signalbox__schedule=f"s-{number}", signalbox__job=f"j-{number}")
    _started(queue, run_id)
    run = queue.instance.get_run_by_id(run_id)
    assert run is not None and run.tags[tags.SCHEDULE] == f"s-{number}"
    queue.instance.report_run_canceled(run)
    return run_id


def _listed(web: Web, more: str = "") -> float:
    """What `signalbox runs list` shows, from the webserver."""
    client = web.client()

    def ask() -> None:
        answer = client.get(f"/api/v1/runs?limit=20{more}")
        assert answer.status_code == 200, answer.text
        assert json.loads(answer.text)

    ask()
    return median_seconds(ask, 9)


def _beat(url: str) -> None:
    """As the worker would: without a beat it counts as lost after a while, and nothing starts."""
    with database.engine(url).begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.workers SET heartbeat = now()"))


def _analyze(url: str) -> None:
    with database.engine(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
