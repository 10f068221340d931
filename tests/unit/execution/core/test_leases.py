"""Leases and workers against a real Postgres."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.leases import leases
from scheduler_defs.execution.leases.leases import Claim
from scheduler_defs.execution.worker import registry as workers
from scheduler_defs.execution.worker.registry import Condition, Worker
from tests.unit.execution.core.setting import Setting

EXPIRY = dt.timedelta(seconds=20)


def _claim(run_id: str, pid: int = 10, worker: str = "w1", step: str = "") -> Claim:
    return Claim(run_id, worker, "here", pid, "runs", step_key=step)


def _age(connection: sa.Connection, seconds: float) -> None:
    """As if this time had passed, by the clock of the database; whether anybody noticed is another matter."""
    interval = {"seconds": seconds}
    connection.execute(
        sa.text("UPDATE signalbox.leases SET expires = expires - make_interval(secs => :seconds)"), interval
    )


def _give_up(connection: sa.Connection) -> None:
    """As if somebody had seen no renewal for the length of the leases."""
    for lease in leases.of_others(connection, "somebody"):
        assert leases.give_up(connection, lease)


def test_given_a_starting_run_when_it_is_taken_then_it_has_started_and_nobody_else_gets_it(
    setting: Setting, connection: sa.Connection, starting: str
) -> None:
    body = leases.acquire_run(connection, _claim(starting), EXPIRY)
    assert body is not None
    assert starting in body
    assert setting.status(starting) == "STARTED"
    assert leases.acquire_run(connection, _claim(starting), EXPIRY) is None
    found = leases.of_runs(connection, [starting])[starting]
    assert (found.worker_id, found.host, found.pid, found.alive) == ("w1", "here", 10, True)


@pytest.mark.parametrize("status", ["QUEUED", "STARTED", "CANCELING", "CANCELED", "SUCCESS", "FAILURE"])
def test_given_a_run_that_does_not_wait_for_a_worker_then_it_cannot_be_taken(
    setting: Setting, connection: sa.Connection, status: str
) -> None:
    run_id = setting.run(status)
    assert leases.acquire_run(connection, _claim(run_id), EXPIRY) is None
    assert setting.status(run_id) == status
    assert not leases.of_runs(connection, [run_id])


def test_given_many_workers_at_once_then_exactly_one_takes_the_run(setting: Setting) -> None:
    for _ in range(10):
        run_id = setting.run("STARTING")
        go = threading.Barrier(6)

        def take(pid: int, run_id: str = run_id, go: threading.Barrier = go) -> bool:
            with database.engine().begin() as connection:
                go.wait()
                return leases.acquire_run(connection, _claim(run_id, pid), EXPIRY) is not None

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(take, range(6))) == 1


def test_given_a_worker_and_a_canceller_at_once_then_exactly_one_of_them_has_the_run(
    setting: Setting,
) -> None:
    from scheduler_defs.execution.worker.launcher import CANCEL_STARTING

    for _ in range(10):
        run_id = setting.run("STARTING")
        go = threading.Barrier(2)

        def take(run_id: str = run_id, go: threading.Barrier = go) -> bool:
            with database.engine().begin() as connection:
                go.wait()
                return leases.acquire_run(connection, _claim(run_id), EXPIRY) is not None

        def cancel(run_id: str = run_id, go: threading.Barrier = go) -> bool:
            with database.engine().begin() as connection:
                go.wait()
                return connection.execute(CANCEL_STARTING, {"run_id": run_id}).first() is not None

        with ThreadPoolExecutor(2) as pool:
            taken, cancelled = pool.submit(take), pool.submit(cancel)
            assert taken.result() != cancelled.result()


def test_given_a_step_then_only_a_lost_lease_of_it_can_be_taken_over(
    connection: sa.Connection, started: str
) -> None:
    first, second = _claim(started, step="a"), _claim(started, 11, step="a")
    assert leases.acquire_step(connection, first, EXPIRY)
    assert not leases.acquire_step(connection, second, EXPIRY)
    assert leases.acquire_step(connection, _claim(started, 12, step="b"), EXPIRY)
    _age(connection, 21)
    assert not leases.acquire_step(connection, second, EXPIRY)
    _give_up(connection)
    assert leases.acquire_step(connection, second, EXPIRY)
    leases.release(connection, first)  # too late: it is somebody else's
    assert leases.of_runs(connection, [started], "a")[started].pid == 11


def test_given_a_run_that_is_not_under_way_then_its_steps_cannot_be_taken(
    connection: sa.Connection, starting: str
) -> None:
    assert not leases.acquire_step(connection, _claim(starting, step="a"), EXPIRY)


def _worker(name: str = "w1", pid: int = 1, place: str = "boot") -> Worker:
    return Worker(name, "here", pid, ("runs",), 2, {"place": place})


def test_given_a_beat_then_the_leases_of_living_children_go_on_and_those_of_dead_ones_end(
    setting: Setting, connection: sa.Connection
) -> None:
    runs = {pid: setting.run("STARTING") for pid in (10, 11, 12)}
    for pid, run_id in runs.items():
        leases.acquire_run(connection, _claim(run_id, pid), EXPIRY)
    _age(connection, 15)
    how = {10: Condition.ALIVE, 11: Condition.DEAD, 12: Condition.FROZEN}
    beaten = workers.beat(connection, _worker(), EXPIRY, how.__getitem__)
    assert {held.pid for held in beaten.holdings} == {10, 11, 12}
    assert len(beaten.renewed) == 1
    found = leases.of_runs(connection, list(runs.values()))
    left = {
        pid: (found[run_id].expires - dt.datetime.now(dt.UTC)).total_seconds() for pid, run_id in runs.items()
    }
    assert left[10] > 18
    assert not found[runs[11]].alive
    assert 0 < left[12] < 6


def test_given_a_lost_lease_then_no_beat_brings_it_back(connection: sa.Connection, starting: str) -> None:
    leases.acquire_run(connection, _claim(starting), EXPIRY)
    _give_up(connection)
    assert not workers.beat(connection, _worker(), EXPIRY, lambda _: Condition.ALIVE).renewed
    assert not leases.of_runs(connection, [starting])[starting].alive


def test_given_a_worker_that_is_removed_then_its_leases_end_at_once(
    connection: sa.Connection, starting: str
) -> None:
    workers.beat(connection, _worker(), EXPIRY, lambda _: Condition.ALIVE)
    leases.acquire_run(connection, _claim(starting), EXPIRY)
    workers.remove(connection, ["w1"])
    assert not leases.of_runs(connection, [starting])[starting].alive
    assert connection.execute(sa.text("SELECT count(*) FROM signalbox.workers")).scalar() == 0


def test_given_workers_elsewhere_then_only_those_whose_pids_mean_the_same_are_siblings(
    connection: sa.Connection,
) -> None:
    for worker in (_worker("a", 1), _worker("b", 2), _worker("c", 3, place="another container")):
        workers.beat(connection, worker, EXPIRY, lambda _: Condition.ALIVE)
    assert workers.siblings(connection, _worker("a", 1)) == {"b": 2}


def test_given_an_ended_run_then_its_lost_leases_can_be_forgotten(
    connection: sa.Connection, starting: str
) -> None:
    leases.acquire_run(connection, _claim(starting), EXPIRY)
    leases.forget(connection, starting)
    assert leases.of_runs(connection, [starting])
    _give_up(connection)
    leases.forget(connection, starting)
    assert not leases.of_runs(connection, [starting])


@pytest.mark.parametrize(
    ("status", "kept"), [("STARTED", True), ("CANCELING", True), ("SUCCESS", False), ("FAILURE", False)]
)
def test_given_a_lease_that_its_dead_worker_could_not_give_back_then_a_beat_removes_it_when_the_run_is_over(
    setting: Setting, connection: sa.Connection, starting: str, status: str, kept: bool
) -> None:
    leases.acquire_run(connection, _claim(starting), EXPIRY)
    set_status = sa.text("UPDATE runs SET status = :status WHERE run_id = :run_id")
    connection.execute(set_status, {"status": status, "run_id": starting})
    workers.beat(connection, _worker("other"), EXPIRY, lambda _: Condition.ALIVE)
    assert leases.of_runs(connection, [starting])
    _give_up(connection)
    workers.beat(connection, _worker("other"), EXPIRY, lambda _: Condition.ALIVE)
    assert bool(leases.of_runs(connection, [starting])) is kept
