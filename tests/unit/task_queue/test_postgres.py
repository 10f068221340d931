"""What only the Postgres task queue has: its window, its constraints, payloads, imports, announcements."""

from __future__ import annotations

import datetime as dt
import random
import select
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
import sqlalchemy as sa

from scheduler_defs.agents.deciding import Ageing, AgentView, Ending, Kind, Policy, TaskStatus, demand, match
from scheduler_defs.agents.pool.workload import workload
from scheduler_defs.agents.task_queue.new_task import ImportedComment, ImportedTask, NewTask
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from scheduler_defs.agents.task_queue.protocol import CHANNEL, BlockerCycleError, TaskQueueDownError
from scheduler_defs.errors import SignalboxError
from tests.unit.task_queue.asking import add, candidates, comments, now, request


@pytest.mark.parametrize("seed", range(12))
def test_given_any_queue_when_a_pass_looks_then_its_window_places_what_the_whole_queue_would(
    postgres_queue: PostgresTaskQueue, seed: int
) -> None:
    draw = random.Random(seed)
    moment = now()
    new = [
        ImportedTask(
            title=str(n),
            queue="dev",
            key=f"t{n}",
            priority=draw.randint(0, 3) * draw.choice([1, 1, 9]),
            capabilities=tuple(draw.sample(["gpu", "x86"], draw.choice([0, 0, 1, 2]))),
            assigned_to=draw.choice([None, None, None, "a1", "a2", "ghost"]),
            blocked_by=tuple(f"t{b}" for b in draw.sample(range(n), min(n, draw.choice([0, 0, 1, 2])))),
            created=moment - dt.timedelta(minutes=draw.randint(0, 2000)),
            not_before=moment + dt.timedelta(hours=1) if draw.random() < 0.1 else None,
            deadline=moment + dt.timedelta(hours=draw.choice([2, 2, 5, 30])) if draw.random() < 0.2 else None,
        )
        for n in range(150)
    ]
    ids = postgres_queue.add(new)
    for id in draw.sample(ids, 20):
        postgres_queue.complete(id, author="ann")
    agents = [
        AgentView(
            f"a{n}",
            draw.randint(0, 4),
            draw.randint(0, 2),
            frozenset(draw.sample(["gpu", "x86"], draw.randint(0, 2))),
            max_attempts=3,
        )
        for n in range(5)
    ]
    policy = Policy(ageing=draw.choice([None, Ageing(), Ageing(dt.timedelta(minutes=100), 4)]))
    requested = draw.sample(ids, 5)

    def wanted(kind: Kind) -> int:
        return demand(agents, kind, moment)

    view = postgres_queue.look("dev", demand=wanted, policy=policy, requested=requested, now=moment)
    whole = postgres_queue.waiting("dev", policy=policy, requested=requested, limit=1000, now=moment)
    expected = match(whole, agents, now=moment, policy=policy)
    assert match(view.candidates, agents, now=moment, policy=policy).placed == expected.placed
    assert len(view.candidates) <= 4 * 6 * sum(agent.free for agent in agents)


def test_given_a_chain_when_tasks_finish_one_by_one_then_the_count_of_freed_tasks_follows(
    postgres_queue: PostgresTaskQueue,
) -> None:
    ids = postgres_queue.add(
        [NewTask(title=str(n), queue="dev", key=n, blocked_by=(n - 1,) if n else ()) for n in range(12)]
    )
    for place, id in enumerate(ids):
        (found,) = candidates(postgres_queue).values()
        assert (found.id, found.frees) == (id, 11 - place)
        postgres_queue.claim(id, request(f"run-{id}"), now())
        postgres_queue.settle(id, request(f"run-{id}"), Ending.SUCCESS, now=now())


def test_given_two_halves_of_a_ring_when_added_at_the_same_time_then_one_is_refused(
    postgres_queue: PostgresTaskQueue,
) -> None:
    for _ in range(10):
        a, b = add(postgres_queue), add(postgres_queue)

        def block(pair: tuple[int, int]) -> bool:
            try:
                postgres_queue.block(*pair, author="ann")
            except BlockerCycleError:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(block, [(a, b), (b, a)])) == [False, True]


def test_given_a_blocker_that_completes_while_it_is_added_then_the_task_is_not_blocked_for_ever(
    postgres_queue: PostgresTaskQueue,
) -> None:
    for _ in range(10):
        blocker, task = add(postgres_queue), add(postgres_queue)
        with ThreadPoolExecutor(3) as threads:
            futures = [
                threads.submit(postgres_queue.block, task, blocker, author="ann"),
                threads.submit(postgres_queue.complete, blocker, author="ann"),
                threads.submit(candidates, postgres_queue),
            ]
            for future in futures:
                future.result()
        assert task in candidates(postgres_queue)
        postgres_queue.complete(task, author="ann")


def test_given_several_blockers_when_one_completes_then_the_task_still_waits_for_the_other(
    postgres_queue: PostgresTaskQueue,
) -> None:
    a, b = add(postgres_queue), add(postgres_queue)
    c = add(postgres_queue, blocked_by=(a, b))
    postgres_queue.complete(a, author="ann")
    assert postgres_queue.get(c).blocked_by == (b,)
    assert list(candidates(postgres_queue)) == [b]
    postgres_queue.complete(b, author="ann")
    assert list(candidates(postgres_queue)) == [c]


def test_given_hand_written_sql_when_it_changes_tasks_then_the_next_pass_sees_it(
    postgres_queue: PostgresTaskQueue, queue_engine: sa.Engine
) -> None:
    first = add(postgres_queue)
    second = add(postgres_queue, blocked_by=(first,))
    with queue_engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE signalbox.tasks SET status = 'complete', finished_at = now() WHERE id = :id"),
            {"id": first},
        )
    assert list(candidates(postgres_queue)) == [second]
    with queue_engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM signalbox.tasks WHERE id = :id"), {"id": second})
    assert candidates(postgres_queue) == {}


@pytest.mark.parametrize(
    "change",
    [
        "status = 'done'",
        "status = 'complete'",
        "status = 'working'",
        "title = ''",
        "attempts = -1",
        "parent_id = id",
        "payload = '[]'",
    ],
)
def test_given_hand_written_sql_when_it_breaks_a_rule_then_the_database_refuses(
    postgres_queue: PostgresTaskQueue, queue_engine: sa.Engine, change: str
) -> None:
    id = add(postgres_queue)
    with pytest.raises(sa.exc.IntegrityError), queue_engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE signalbox.tasks SET {change} WHERE id = :id"), {"id": id})


def test_given_a_payload_when_read_back_then_it_is_the_same_and_a_result_too(
    postgres_queue: PostgresTaskQueue,
) -> None:
    payload = {
        "text": 'tab\t newline\n quote" back\\slash é 漢 \\N',
        "n": [1, 2.5, None, True],
        "deep": {"a": {}},
    }
    id = add(postgres_queue, payload=payload)
    assert postgres_queue.get(id).payload == payload
    postgres_queue.complete(id, result={"files": 3}, author="vaela")
    assert postgres_queue.get(id).result == {"files": 3}


def test_given_a_payload_of_more_than_a_mebibyte_when_added_then_it_is_refused_with_its_size() -> None:
    with pytest.raises(ValueError, match=r"1048590 bytes of JSON; at most 1048576"):
        NewTask(title="x", queue="dev", payload={"text": "x" * (1_048_576 + 3)})
    NewTask(title="x", queue="dev", payload={"text": "x" * (1_048_576 - 11)})


def test_given_an_import_when_read_back_then_states_comments_and_ids_in_the_file_count(
    postgres_queue: PostgresTaskQueue,
) -> None:
    long_ago = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
    done, waiting, working = postgres_queue.add(
        [
            ImportedTask(
                title="a",
                queue="dev",
                key=17,
                status=TaskStatus.COMPLETE,
                created=long_ago,
                comments=(ImportedComment(content="hi\tthere", created_by="bob", created=long_ago),),
            ),
            ImportedTask(title="b", queue="dev", key=18, blocked_by=(17, 19)),
            ImportedTask(title="c", queue="dev", key=19, status=TaskStatus.WORKING, attempts=2),
        ]
    )
    assert postgres_queue.get(done).created == long_ago
    assert comments(postgres_queue, done) == ["hi\tthere"]
    assert postgres_queue.get(waiting).blocked_by == (working,)
    assert (postgres_queue.get(working).status, postgres_queue.get(working).attempts) == (TaskStatus.IDLE, 0)


def test_given_one_bad_task_among_many_when_added_then_none_is(postgres_queue: PostgresTaskQueue) -> None:
    tasks = [NewTask(title=str(n), queue="dev") for n in range(50)]
    with pytest.raises(SignalboxError):
        postgres_queue.add([*tasks, NewTask(title="x", queue="dev", parent=4711)])
    assert candidates(postgres_queue) == {}


def test_given_ten_thousand_tasks_when_imported_then_a_pass_reads_only_what_can_be_placed(
    postgres_queue: PostgresTaskQueue,
) -> None:
    new = [
        NewTask(title=f"task {n}", queue="dev", key=n, blocked_by=(n - 1,) if n % 5 == 4 else ())
        for n in range(10_000)
    ]
    postgres_queue.add(new)
    found = candidates(postgres_queue, most=20)
    assert len(found) == 20
    assert all(candidate.frees == 1 for candidate in found.values())


def test_given_a_change_when_committed_then_the_queue_is_announced(
    postgres_queue: PostgresTaskQueue, queue_engine: sa.Engine
) -> None:
    dsn = queue_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    listener = psycopg2.connect(dsn)
    listener.autocommit = True
    with listener.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")

    def heard() -> set[str]:
        select.select([listener], [], [], 5)
        listener.poll()
        found = {notification.payload for notification in listener.notifies}
        listener.notifies.clear()
        return found

    try:
        first = add(postgres_queue, queue="qa")
        assert heard() == {"qa"}
        second = add(postgres_queue, queue="dev", blocked_by=(first,))
        assert heard() == {"dev"}
        postgres_queue.complete(first, author="ann")
        assert heard() == {"qa", "dev"}
        postgres_queue.assign(second, "vaela", author="ann")
        assert heard() == {"dev"}
    finally:
        listener.close()


def test_given_no_server_when_asked_then_the_error_names_the_address_without_the_password() -> None:
    engine = sa.create_engine(
        "postgresql+psycopg2://ann:geheim@127.0.0.1:1/tasks", connect_args={"connect_timeout": 2}
    )
    with pytest.raises(TaskQueueDownError, match=r"127\.0\.0\.1:1/tasks does not answer") as raised:
        PostgresTaskQueue(engine).counts()
    assert "geheim" not in str(raised.value)


def test_given_ten_thousand_open_tasks_when_reported_then_it_takes_one_statement(
    postgres_queue: PostgresTaskQueue, queue_engine: sa.Engine
) -> None:
    """TinyScheduler's reporter asked for each task by itself: 1,000 tasks took 8 s."""
    ids = postgres_queue.add([NewTask(title=f"task {n}", queue="dev") for n in range(10_000)])
    postgres_queue.comment(ids[0], "hello", author="ann")
    statements: list[str] = []

    def note(*seen: object) -> None:
        statements.append(str(seen[2]))

    sa.event.listen(queue_engine, "before_cursor_execute", note)
    try:
        report = workload(postgres_queue.open_tasks(None), now())
    finally:
        sa.event.remove(queue_engine, "before_cursor_execute", note)
    assert len(statements) == 1
    assert report["summary"]["total_open_tasks"] == 10_000
    assert report["tasks"][0]["comment_count"] == 1
