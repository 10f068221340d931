"""Two code servers that decide in the same moment, over one database."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.evaluation.counting import CountingAlone
from scheduler_defs.evaluation.facts.active_runs import ActiveRuns, read_runs
from scheduler_defs.evaluation.facts.known_runs import KnownRun
from scheduler_defs.evaluation.tick import Evaluator
from scheduler_defs.ledger.book import Book
from tests.unit.evaluation.test_tick import schedule


@pytest.fixture
def engine(dagster_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", dagster_url)
    yield database.engine()
    database.engine().dispose()


class CodeServer:
    """An evaluator with its own memory, whose first reading of runs waits for that of the other one."""

    def __init__(self, engine: sa.Engine, together: threading.Barrier) -> None:
        self._together: threading.Barrier | None = together
        self.engine = engine
        runs = ActiveRuns(self._read)
        counting = CountingAlone(lambda: engine, runs.forget)
        self.evaluator = Evaluator(runs, Book(lambda: engine), dict, counting=counting.held)

    def _read(self) -> list[KnownRun]:
        found = read_runs()
        together, self._together = self._together, None
        if together is not None:
            # Without turns both have read by now, and nobody has decided.
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(0.5)
        return found

    def decide(self, names: list[str], **limits: Any) -> int:
        """How many of the schedules are launched that are due now, each in a thread of its own."""
        now = dt.datetime.now(dt.UTC)
        tick = now.replace(minute=0, second=0, microsecond=0)

        def one(name: str) -> int:
            outcome = self.evaluator.evaluate(Declarations(), schedule(name, **limits), tick, now, dict)
            return len(outcome.launches)

        with ThreadPoolExecutor(len(names)) as pool:
            return sum(pool.map(one, names))


@pytest.mark.parametrize("limit", ["max_global", "max_per_job"])
def test_given_a_limit_when_two_code_servers_decide_at_once_then_it_holds(
    engine: sa.Engine, limit: str
) -> None:
    together = threading.Barrier(2)
    servers = [CodeServer(engine, together) for _ in range(2)]
    names = [["a", "b", "c"], ["d", "e", "f"]]
    with ThreadPoolExecutor(2) as pool:
        launched = sum(
            pool.map(lambda pair: pair[0].decide(pair[1], **{limit: 2}), zip(servers, names, strict=True))
        )
    assert launched == 2


def test_given_threads_of_one_process_then_they_count_together_and_others_have_their_turn(
    engine: sa.Engine,
) -> None:
    forgotten: list[None] = []
    counting = CountingAlone(lambda: engine, lambda: forgotten.append(None))
    other = CountingAlone(lambda: engine, lambda: None)
    inside = threading.Barrier(3)

    def count(_number: int) -> None:
        with counting.held():
            inside.wait(10)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(count, range(3)))
    assert len(forgotten) == 1
    with other.held(), engine.connect() as connection:
        locks = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        assert connection.execute(locks).scalar_one() == 1
