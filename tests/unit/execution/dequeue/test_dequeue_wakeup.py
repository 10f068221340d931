"""Waiting on a Postgres connection: woken, not woken, and healed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.wakeup import (
    QUEUE_CHANNEL,
    STEP_CHANNEL,
    WakingConnection,
    announce_queue,
)


@pytest.fixture
def waking(postgres_url: str) -> Iterator[WakingConnection]:
    connection = WakingConnection(QUEUE_CHANNEL, postgres_url)
    yield connection
    connection.close()


def announce(url: str) -> None:
    with database.engine(url).begin() as connection:
        announce_queue(connection)


def test_given_nobody_announces_when_waiting_then_the_time_runs_out(waking: WakingConnection) -> None:
    waking.get()
    assert not waking.wait(0.05)


def test_given_an_announcement_while_waiting_when_it_comes_then_the_wait_is_over(
    waking: WakingConnection, postgres_url: str
) -> None:
    waking.get()
    announcing = threading.Timer(0.05, announce, [postgres_url])
    announcing.start()
    began = time.monotonic()
    assert waking.wait(10)
    assert time.monotonic() - began < 5
    announcing.join()


def test_given_an_announcement_before_the_wait_when_waiting_then_it_counts_once(
    waking: WakingConnection, postgres_url: str
) -> None:
    waking.get()
    announce(postgres_url)
    waking.get().execute(sa.text("SELECT 1"))
    assert waking.wait(5)
    assert not waking.wait(0.05)


def test_given_a_payload_when_others_are_announced_then_only_its_own_wakes(postgres_url: str) -> None:
    waking = WakingConnection(STEP_CHANNEL, postgres_url)
    waking.get()

    def announce_run(run_id: str) -> None:
        with database.engine(postgres_url).begin() as connection:
            connection.execute(sa.text("SELECT pg_notify('signalbox_steps', :id)"), {"id": run_id})

    announce_run("another")
    assert not waking.wait(0.05, payload="mine")
    announce_run("mine")
    assert waking.wait(5, payload="mine")
    waking.close()


def test_given_a_connection_that_the_server_closes_when_waiting_then_the_next_use_opens_another(
    waking: WakingConnection, postgres_url: str
) -> None:
    pid = waking.get().execute(sa.text("SELECT pg_backend_pid()")).scalar()
    with database.engine(postgres_url).begin() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    assert not waking.wait(0.2)
    assert waking.get().execute(sa.text("SELECT pg_backend_pid()")).scalar() != pid
    announce(postgres_url)
    assert waking.wait(5)
