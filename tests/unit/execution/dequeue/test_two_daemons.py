"""Two daemons by mistake let no more runs out than one, and are named."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import cast

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.queue.choice.read import QueueReader
from scheduler_defs.execution.queue.daemons import DaemonBeat, too_many
from scheduler_defs.execution.queue.iteration import SignalboxQueueDaemon
from scheduler_defs.execution.queue.launch import claim
from tests.patience import wait_until
from tests.unit.execution.dequeue.setting import Queue, add_worker, submit


@pytest.mark.case("recovery-X-two-daemons")
def test_given_two_passes_that_have_counted_at_once_then_only_one_lets_runs_out(queue: Queue) -> None:
    add_worker(queue.url, "w", ["runs"], 4)
    first, second = submit(queue.instance, team="a"), submit(queue.instance, team="a")
    with database.engine(queue.url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        one, other = (QueueReader(terms().silence).read(connection, ()) for _ in range(2))
        assert one.number is not None
        assert [run.run_id for run in claim(queue.instance, connection, [first], one.number)] == [first]
        assert claim(queue.instance, connection, [second], other.number) == []
    assert queue.status(second) == "QUEUED"


@pytest.mark.case("recovery-X-two-daemons")
def test_given_two_daemons_at_work_then_the_limit_of_one_run_holds(queue: Queue) -> None:
    add_worker(queue.url, "w", ["runs"], 4)
    for _ in range(4):
        submit(queue.instance, team="a")
    other = SignalboxQueueDaemon(0.5)
    together = threading.Barrier(2)

    def passes(daemon: SignalboxQueueDaemon) -> None:
        for _ in range(5):
            together.wait()
            list(daemon.run_iteration(queue.context))

    with other:
        threads = [threading.Thread(target=passes, args=(daemon,)) for daemon in (queue.daemon, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: not queue.daemon._launching and not other._launching)
    assert len(queue.launcher.launched) == 1


@pytest.mark.case("recovery-X-two-daemons")
def test_given_two_daemons_then_status_names_both_and_one_that_ends_no_more(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = DaemonBeat(), DaemonBeat()
    with database.engine(queue.url).begin() as connection:
        mine.beat(connection)
        assert too_many(connection) == []
        another = os.getppid()
        monkeypatch.setattr("os.getpid", lambda: another)
        other.beat(connection)
        (line,) = too_many(connection)
    assert line.startswith("2 daemons run on this database")
    assert f"process {another}" in line
    other.end()
    with database.engine(queue.url).begin() as connection:
        assert too_many(connection) == []


def test_given_a_daemon_that_was_killed_then_it_is_forgotten_after_its_silence(queue: Queue) -> None:
    with database.engine(queue.url).begin() as connection:
        DaemonBeat().beat(connection)
        connection.execute(sa.text("UPDATE signalbox.daemons SET heartbeat = now() - interval '1 minute'"))
        DaemonBeat().beat(connection)
        assert (
            cast("int", connection.execute(sa.text("SELECT count(*) FROM signalbox.daemons")).scalar()) == 1
        )


def test_given_a_daemon_of_this_machine_that_was_killed_then_nobody_waits_for_its_silence(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.engine(queue.url).begin() as connection, subprocess.Popen(["sleep", "60"]) as killed:
        DaemonBeat().beat(connection)
        monkeypatch.setattr("os.getpid", lambda: killed.pid)
        DaemonBeat().beat(connection)
        (line,) = too_many(connection)
        assert f"process {killed.pid}" in line
        monkeypatch.undo()
        killed.kill()
        killed.wait()
        assert too_many(connection) == []
