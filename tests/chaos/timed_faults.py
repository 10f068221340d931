"""Faults in one particular moment: of a tick, of a minute, of the database."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import psycopg2
import sqlalchemy as sa

from scheduler_defs.declarations import load as declarations
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.schedules import switch
from scheduler_defs.stack.machine.database_url import connection_string
from scheduler_defs.timing import jitter_delay
from tests.chaos import faults, load
from tests.chaos.reading import MINUTE
from tests.chaos.yard import JITTER, JITTERED, LIMITED, SCHEDULES, Yard
from tests.integration.running_stack import until

LEAD_SECONDS = 3
"""A minute that is brought near begins so many seconds later."""

DECIDED = sa.text("SELECT count(*) FROM signalbox.occurrences WHERE due >= :due")
ORDERED = sa.text(
    """
    SELECT count(*) FROM signalbox.occurrences AS decided
    WHERE due >= :due AND outcome = 'launched' AND NOT EXISTS (
        SELECT FROM runs WHERE runs.run_id = decided.run_id)
    """
)
WAITING = sa.text(
    """
    SELECT count(*) FROM signalbox.occurrences
    WHERE due = :due AND schedule = ANY(:names) AND outcome = 'deferred'
    """
)
BEGUN = sa.text(
    """
    SELECT schedule.value AS schedule, extract(epoch FROM create_timestamp)::float8 AS begun
    FROM signalbox.occurrences AS decided
    JOIN runs USING (run_id)
    JOIN run_tags AS schedule ON schedule.run_id = runs.run_id AND schedule.key = 'signalbox/schedule'
    WHERE due = :due AND decided.schedule = ANY(:names)
    """
)
LATE_SECONDS = 90
"""What waits is looked at when its time has come, and by a daemon that is just starting a little later."""
# Whoever waits to insert a run: its statement would be carried out although it is dead.
END_INSERTS = sa.text(
    """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query ILIKE '%insert into runs%' AND pid <> pg_backend_pid()
    """
)
END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name <> %s"
)
OURS = "chaos-holds-connections"


def bring_a_minute_near(yard: Yard) -> dt.datetime:
    """Set the clock forward to shortly before the next full minute, which is returned."""
    assert yard.clock is not None
    now = yard.now()
    due = now.replace(second=0, microsecond=0) + MINUTE
    left = int((due - now).total_seconds()) - LEAD_SECONDS
    if left > 0:
        yard.clock.step(left)
    return due


def kill_daemon_between_evaluation_and_launch(yard: Yard) -> None:
    """SIGKILL of the daemon when the ledger has what was decided, and no run has been made for it yet."""
    daemon = faults.pid_of(yard, "daemon")
    due = bring_a_minute_near(yard)
    with yard.database() as connection, connection.begin():
        connection.execute(sa.text("LOCK TABLE runs IN SHARE MODE"))
        until(lambda: connection.execute(ORDERED, {"due": due}).scalar_one(), "an order without a run", 120)
        psutil.Process(daemon).kill()
        psutil.Process(daemon).wait(10)
        connection.execute(END_INSERTS)
    until(lambda: yard.stack.record_pid("daemon") != daemon, "daemon seen to have ended")


def kill_code_server_after_a_tick(yard: Yard) -> None:
    """SIGKILL of the code server and of the process behind it, as soon as a tick has been decided."""
    outer = psutil.Process(faults.pid_of(yard, "code-server"))
    both = [*outer.children(recursive=True), outer]
    due = bring_a_minute_near(yard)
    with yard.database() as connection:
        until(lambda: connection.execute(DECIDED, {"due": due}).scalar_one(), "a decision", 30)
    for process in both:
        process.kill()
    until(lambda: yard.stack.record_pid("code-server") != outer.pid, "the code server seen to have ended")


def kill_daemon_while_occurrences_wait(yard: Yard) -> None:
    """SIGKILL of the daemon while one occurrence waits for its jitter and another one for a slot.

    Raises AssertionError unless each of them has one run, and has begun in the minute after it could.
    """
    assert yard.clock is not None
    _switch(yard, on=True)
    try:
        load.put_to_work(yard, load.Load(("slow",), (), begun=1, at_least=1))
        daemon = faults.pid_of(yard, "daemon")
        due = bring_a_minute_near(yard)
        while jitter_delay(JITTERED, due, JITTER) < dt.timedelta(seconds=5):
            due = bring_a_minute_near(yard) + MINUTE
            yard.clock.step(60)
        wanted = {"due": due, "names": [JITTERED, LIMITED]}
        with yard.database() as connection:
            until(lambda: connection.execute(WAITING, wanted).scalar_one() == 2, "two that wait", 30)
        psutil.Process(daemon).kill()
        until(lambda: yard.stack.record_pid("daemon") != daemon, "daemon seen to have ended")
        with yard.database() as connection:
            until(lambda: len(connection.execute(BEGUN, wanted).all()) == 2, "two runs", 150)
            found = {row.schedule: row for row in connection.execute(BEGUN, wanted)}
        delay = jitter_delay(JITTERED, due, JITTER)
        late = found[JITTERED].begun - (due + delay).timestamp()
        assert 0 <= late <= LATE_SECONDS, f"begun {late:.0f} s after its jitter"
    finally:
        _switch(yard, on=False)


def _switch(yard: Yard, *, on: bool) -> None:
    client, declared = GraphQLClient(yard.stack.ui), declarations(yard.stack.config).declarations
    for name in (JITTERED, LIMITED):
        switch(client, declared.schedules[name], on=on)


def daemon_away_over_five_minutes(yard: Yard) -> None:
    """The daemon is frozen, five minutes become due, and it is killed."""
    assert yard.clock is not None
    with faults.frozen_daemon(yard) as daemon:
        yard.clock.step(5 * 60)
        daemon.kill()
    until(lambda: yard.stack.record_pid("daemon") != daemon.pid, "daemon seen to have ended")


def clock_back_and_right_again(yard: Yard, seconds: int, looked: Callable[[], None]) -> None:
    """Set it back, until every schedule has ticked by the new time; then to where it was.

    Something has been decided by the old time before: else there is nothing to be said of it.
    """
    assert yard.clock is not None
    newest = sa.text("SELECT coalesce(max(id), 0) FROM job_ticks WHERE type = 'SCHEDULE'")
    later = sa.text("SELECT count(DISTINCT selector_id) FROM job_ticks WHERE type = 'SCHEDULE' AND id > :id")
    with yard.database() as connection:

        def ticked(since: int) -> bool:
            return connection.execute(later, {"id": since}).scalar_one() >= len(SCHEDULES)

        until(lambda: ticked(0), "the first ticks", 150)
        before = connection.execute(newest).scalar_one()
        yard.clock.step(-seconds)
        try:
            until(lambda: ticked(before), "ticks by the new time", 150)
            looked()
        finally:
            yard.clock.step(seconds)


@contextmanager
def all_connections_taken(yard: Yard) -> Iterator[None]:
    """The server has none left: those of the stack are ended, and ours are there before it comes back."""
    with yard.database() as connection:
        name = connection.execute(sa.text("SELECT current_database()")).scalar_one()
    url = connection_string(yard.stack.postgres_url)
    held: list[psycopg2.extensions.connection] = []

    def take_all() -> None:
        with contextlib.suppress(psycopg2.OperationalError):
            while True:
                found = psycopg2.connect(url, connect_timeout=3, application_name=OURS)
                found.autocommit = True
                held.append(found)

    try:
        take_all()
        for _ in range(20):
            with held[0].cursor() as cursor:
                cursor.execute(END_OTHERS, (name, OURS))
                ended = cursor.rowcount
            take_all()
            if ended == 0:
                break
        yield
    finally:
        for each in held:
            each.close()


def hold_all_connections(yard: Yard, seconds: float, looked: Callable[[], None]) -> None:
    """For some seconds nobody else gets a connection."""
    with all_connections_taken(yard):
        end = time.monotonic() + seconds
        looked()
        time.sleep(max(0.0, end - time.monotonic()))
