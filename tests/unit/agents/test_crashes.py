"""Runs killed at every moment, task queues that go away, people who interfere: nothing lost, twice or stuck.

Real runs in processes of their own, killed with SIGKILL, over both task queues. That Dagster notices a killed
worker, and when, is tested with the whole stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.pool.assignments import AssignmentEnding
from scheduler_defs.agents.task_queue.protocol import TaskQueueDownError
from tests.patience import wait_until
from tests.standins.tinytask import TinyTaskServer
from tests.unit.agents.bench import Bench
from tests.unit.agents.runs_to_kill import RunToKill, Signals, start, task_held
from tests.unit.task_queue.asking import add, comments


@pytest.fixture
def signals(bench: Bench) -> Iterator[Signals]:
    found = Signals(bench)
    yield found
    found.release()
    found.wait_until_gone()


def go_away_and_come_back(bench: Bench, server: TinyTaskServer) -> None:
    """The TinyTask server is down while the queue is looked at: that is an error, and nothing is forgotten."""
    if bench.queue.backend == "postgres":
        return
    before = bench.live()
    server.down()
    with pytest.raises(TaskQueueDownError, match=server.url):
        bench.look()
    assert bench.live() == before
    server.up()


def done_by_next_pass(bench: Bench, id: int, attempt: int) -> None:
    """The next run is asked for with this attempt, completes the task, and no other is asked for."""
    run = start(bench)
    assert (run.request.task_id, run.request.attempt) == (id, attempt)
    run.finish()
    assert bench.look().requests == ()
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
    assert bench.live() == []


def test_given_a_worker_killed_between_request_and_claim_then_the_task_is_done_once_without_a_lost_attempt(
    bench: Bench, signals: Signals, tinytask_server: TinyTaskServer
) -> None:
    id = add(bench.queue)
    signals.release()
    with task_held(id, tinytask_server):
        run = start(bench)
        wait_until(lambda: run.assignment().claimed_at is not None, seconds=60)
        run.kill()
    go_away_and_come_back(bench, tinytask_server)
    done_by_next_pass(bench, id, attempt=1)
    assert signals.seen() == ["begin", "end"]


def test_given_a_worker_killed_while_its_agent_works_then_the_process_is_gone_and_the_task_is_tried_again(
    bench: Bench, signals: Signals, tinytask_server: TinyTaskServer
) -> None:
    """W3, W7: the old copy went on, or its slot was held, and a second one was started."""
    id = add(bench.queue)
    run = start(bench)
    signals.wait_for("begin")
    run.kill()
    signals.wait_until_gone()
    go_away_and_come_back(bench, tinytask_server)
    signals.release()
    done_by_next_pass(bench, id, attempt=1)
    assert signals.seen() == ["begin", "begin", "end"]
    assert any("that counts as no attempt (1 of 5)" in said for said in comments(bench.queue, id))


def test_given_a_worker_killed_between_exit_and_settling_then_the_work_is_not_done_again(
    bench: Bench, signals: Signals, tinytask_server: TinyTaskServer
) -> None:
    """W5: what had been done was done a second time."""
    id = add(bench.queue)
    run = start(bench)
    signals.wait_for("begin")
    wait_until(lambda: bench.queue.get(id).status is TaskStatus.WORKING)
    with task_held(id, tinytask_server):
        signals.release()
        wait_until(lambda: run.assignment().outcome is not None, seconds=60)
        run.kill()
    go_away_and_come_back(bench, tinytask_server)
    passed = bench.look()
    assert [healed.ending for healed in passed.healed] == [AssignmentEnding.COMPLETE]
    assert (passed.requests, bench.live()) == ((), [])
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
    assert signals.seen() == ["begin", "end"]


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_a_worker_killed_before_it_could_note_the_end_then_the_attempt_counts_and_the_task_is_tried_again(
    bench: Bench, signals: Signals
) -> None:
    """Nobody knows how the work ended; it is not taken for done."""
    id = add(bench.queue)
    run = start(bench)
    signals.wait_for("begin")
    with database.engine().begin() as connection:
        connection.execute(sa.text("SELECT FROM signalbox.assignments FOR UPDATE"))
        signals.release()
        signals.wait_until_gone()
        run.kill()
    done_by_next_pass(bench, id, attempt=1)


@pytest.mark.parametrize("queue", ["tinytask"], indirect=True)
def test_given_a_claim_cut_off_in_the_middle_then_what_the_server_did_of_it_is_put_right(
    bench: Bench, signals: Signals, tinytask_server: TinyTaskServer
) -> None:
    """The run signs up for the task, and is killed before it could mark it as its own."""
    id = add(bench.queue)
    signals.release()
    signed_up = False

    def watch(method: str, path: str) -> None:
        nonlocal signed_up
        if path.endswith("/signup"):
            signed_up = True
        elif signed_up and method == "PATCH" and run:
            run.pop().kill()
            raise ConnectionError

    run: list[RunToKill] = []
    tinytask_server.before_answer = watch
    killed = start(bench)
    run.append(killed)
    killed.process.join(60)
    tinytask_server.before_answer = None
    assert tinytask_server.store.get(id)["status"] == "working"
    go_away_and_come_back(bench, tinytask_server)
    bench.look()
    done = start(bench, *(each for each in [live for live in bench.live() if live.task_id == id]))
    done.finish()
    assert bench.look().requests == ()
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
    assert signals.seen() == ["begin", "end"]


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_two_runs_for_one_request_at_the_same_time_then_one_works_and_the_other_is_not_needed(
    bench: Bench, signals: Signals
) -> None:
    add(bench.queue)
    request = bench.request()
    runs = [start(bench, request) for _ in range(2)]
    wait_until(lambda: any(run.process.exitcode == 0 for run in runs), seconds=60)
    signals.wait_for("begin")
    signals.release()
    for run in runs:
        run.finish()
    assert (signals.seen(), bench.live()) == (["begin", "end"], [])


def test_given_a_person_who_resets_a_working_task_then_it_is_started_again_only_after_the_first_run_has_ended(
    bench: Bench, signals: Signals
) -> None:
    """W2: a second process was started beside the first."""
    id = add(bench.queue)
    run = start(bench)
    signals.wait_for("begin")
    bench.queue.requeue(id, author="ann")
    assert bench.look().requests == ()
    signals.release()
    run.finish()
    assert bench.queue.get(id).status is TaskStatus.IDLE
    done_by_next_pass(bench, id, attempt=1)
    assert signals.seen() == ["begin", "end", "begin", "end"]


@pytest.mark.parametrize(
    ("queue", "name"),
    [
        ("postgres", "deleted"),
        ("postgres", "canceled"),
        ("tinytask", "deleted"),
        ("tinytask", "archived"),
        ("tinytask", "canceled"),
    ],
    indirect=["queue"],
)
def test_given_a_task_that_is_taken_away_while_it_is_worked_on_then_the_slot_is_free_and_it_stays_away(
    bench: Bench, signals: Signals, tinytask_server: TinyTaskServer, name: str
) -> None:
    take_away = WAYS[bench.queue.backend, name]
    id = add(bench.queue)
    run = start(bench)
    signals.wait_for("begin")
    take_away(bench, tinytask_server, id)
    other = add(bench.queue)
    assert bench.look().requests == ()
    signals.release()
    run.finish()
    done_by_next_pass(bench, other, attempt=1)
    assert signals.seen() == ["begin", "end", "begin", "end"]
    if name != "deleted":
        assert bench.queue.get(id).status is not TaskStatus.COMPLETE


def _delete_row(bench: Bench, server: TinyTaskServer, id: int) -> None:
    with database.engine().begin() as connection:
        connection.execute(sa.text("DELETE FROM signalbox.tasks WHERE id = :id"), {"id": id})


def _cancel(bench: Bench, server: TinyTaskServer, id: int) -> None:
    bench.queue.cancel(id, reason="", author="ann")


Way = Callable[[Bench, TinyTaskServer, int], object]
WAYS: dict[tuple[str, str], Way] = {
    ("postgres", "deleted"): _delete_row,
    ("postgres", "canceled"): _cancel,
    ("tinytask", "deleted"): lambda bench, server, id: server.store.delete(id),
    ("tinytask", "archived"): lambda bench, server, id: server.store.archive(id),
    ("tinytask", "canceled"): _cancel,
}


@contextmanager
def database_away(engine: sa.Engine) -> Iterator[None]:
    """Nobody can connect to the database, and whoever is connected is cut off."""
    name = engine.url.database
    admin = sa.create_engine(engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        try:
            connection.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
                {"name": name},
            )
            yield
        finally:
            connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_a_database_that_is_away_when_the_work_ends_then_the_run_waits_and_the_task_is_complete(
    bench: Bench, signals: Signals
) -> None:
    id = add(bench.queue)
    run = start(bench)
    signals.wait_for("begin")
    wait_until(lambda: bench.queue.get(id).status is TaskStatus.WORKING)
    with database_away(database.engine()):
        signals.release()
        signals.wait_until_gone()
        run.process.join(1.0)  # it would have ended by now if it did not wait
        assert run.process.is_alive()
    run.finish()
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
    assert (bench.look().requests, bench.live()) == ((), [])
    assert signals.seen() == ["begin", "end"]
