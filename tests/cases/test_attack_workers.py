"""Workers that nobody can poison, and that do not pretend to listen when they do not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from celery.bootsteps import CLOSE, RUN, TERMINATE

from scheduler_defs.execution.life import clock
from scheduler_defs.execution.life.identity import Identity
from scheduler_defs.execution.life.lease_table import LeaseTable
from scheduler_defs.execution.life.terms import Terms
from scheduler_defs.execution.worker import beat as beats
from scheduler_defs.execution.worker.beat import Beat, Pool
from scheduler_defs.execution.worker.hearing import STANDS_STILL_SECONDS, Hearing
from scheduler_defs.execution.worker.poison import check
from scheduler_defs.execution.worker.registry import Worker
from tests.patience import wait_until
from tests.unit.execution.core.conftest import connection as connection
from tests.unit.execution.core.conftest import setting as setting


class Consumer(SimpleNamespace):
    """What is looked at of Celery's consumer."""

    def __init__(self) -> None:
        self.ticks: list[Callable[[], None]] = []
        super().__init__(
            blueprint=SimpleNamespace(state=RUN),
            controller=SimpleNamespace(blueprint=SimpleNamespace(state=RUN)),
            connection=object(),
            pool=SimpleNamespace(num_processes=1),
            timer=SimpleNamespace(call_repeatedly=lambda _seconds, act: self.ticks.append(act)),
        )


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def hearing(consumer: Consumer) -> Hearing:
    found = Hearing(lambda: [os.getpid()])
    found.connected(consumer)
    return found


@pytest.mark.case("attack-c2-dead-worker-beats")
@pytest.mark.parametrize("state", [CLOSE, TERMINATE])
@pytest.mark.parametrize("whose", ["consumer", "controller"])
def test_given_a_consumer_that_has_ended_then_the_worker_is_deaf(
    consumer: Consumer, hearing: Hearing, state: int, whose: str
) -> None:
    assert hearing.why_deaf() is None
    (consumer if whose == "consumer" else consumer.controller).blueprint.state = state
    assert hearing.why_deaf()
    hearing.closing()
    assert hearing.why_deaf() is None


@pytest.mark.case("attack-c2-dead-worker-beats")
def test_given_a_loop_that_stands_still_then_the_worker_is_deaf_unless_it_waits_for_its_broker(
    consumer: Consumer, hearing: Hearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = clock.now() + STANDS_STILL_SECONDS + 1
    monkeypatch.setattr(clock, "now", lambda: later)
    assert "stood still" in (hearing.why_deaf() or "")
    consumer.connection = None
    assert hearing.why_deaf() is None
    consumer.connection = object()
    consumer.ticks[0]()
    assert hearing.why_deaf() is None


@pytest.mark.case("attack-c2-dead-worker-beats")
def test_given_a_pool_without_its_processes_then_the_worker_is_deaf(consumer: Consumer) -> None:
    found = Hearing(list)
    assert found.why_deaf() is None
    found.connected(consumer)
    assert found.why_deaf() == "it has no processes"
    consumer.pool.num_processes = 0
    assert found.why_deaf() is None, "it has no work"


HEARTBEATS = sa.text("SELECT count(*) FROM signalbox.workers WHERE heartbeat > now() - interval '1 second'")


@pytest.mark.case("attack-c2-dead-worker-beats")
def test_given_a_deaf_worker_then_it_beats_no_more_and_then_ends(
    connection: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[tuple[int, signal.Signals]] = []
    monkeypatch.setattr(beats.fencing, "send", lambda pid, what: ended.append((pid, what)))
    monkeypatch.setattr(beats, "_DEAF_SECONDS", 0.6)
    why: list[str | None] = [None]
    worker = Worker("w1", "here", os.getpid(), ("runs",), 1)
    terms = Terms(beat=timedelta(seconds=0.1), expiry=timedelta(seconds=60))
    beat = Beat(worker, Identity("w1", "here", os.getpid(), LeaseTable()), Pool(list, lambda: why[0]), terms)
    beat._switch._libc = None
    try:
        beat.start()
        wait_until(lambda: connection.execute(HEARTBEATS).scalar() == 1)
        why[0] = "its consumer has ended"
        wait_until(lambda: connection.execute(HEARTBEATS).scalar() == 0)
        wait_until(lambda: (os.getpid(), signal.SIGKILL) in ended)
    finally:
        beat._stopping = True
        beat._wake.set()


@pytest.mark.case("attack-c3-poison")
@pytest.mark.parametrize(
    "body", ["7 chars", None, 7, {}, [], [[], {}, {}], [[1], {}, {}], [["a", "b", "c"], {}, {}], [["a"], []]]
)
def test_given_a_body_that_is_no_call_of_ours_then_it_is_refused(body: object) -> None:
    with pytest.raises(ValueError, match="its body is"):
        check(body)


@pytest.mark.parametrize("body", [[["run"], {}, {"callbacks": None}], [["step", 1], {}, {}]])
def test_given_a_call_of_ours_then_it_is_taken(body: object) -> None:
    check(body)


@pytest.mark.case("attack-c3-poison")
def test_given_a_list_item_that_is_no_envelope_then_reading_it_ends_nothing() -> None:
    script = (
        "from kombu.transport import redis\n"
        "def read(self, **options): raise ValueError('not JSON')\n"
        "redis.Channel._brpop_read = read\n"
        "from scheduler_defs.execution.worker.poison import drop_unreadable_items\n"
        "drop_unreadable_items(); drop_unreadable_items()\n"
        "assert redis.Channel._brpop_read(object()) is True\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
