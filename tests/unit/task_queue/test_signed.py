"""Whoever steers a task, in whichever task queue: the audit has each deed, by whom, and no payload."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from scheduler_defs.agents.task_queue.new_task import NewTask, TaskChanges
from scheduler_defs.agents.task_queue.protocol import BlockerCycleError, TaskQueue
from scheduler_defs.agents.task_queue.tinytask.queue import TinyTaskQueue
from scheduler_defs.audit.entries import Acting, Channel, Entry, acting_as, request_id
from scheduler_defs.audit.store import Query, read, record
from tests.standins.tinytask import TinyTaskServer


@pytest.fixture(params=["postgres", "tinytask"])
def signed(
    request: pytest.FixtureRequest, queue_engine: sa.Engine, tinytask_server: TinyTaskServer
) -> Iterator[TaskQueue]:
    def note(entry: Entry) -> None:
        with queue_engine.begin() as connection:
            record(connection, entry)

    with queue_engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE signalbox.audit_log"))
    if request.param == "tinytask":
        queue = TinyTaskQueue(tinytask_server.url, timeout_seconds=2.0, note=note)
        yield queue
        queue.close()
    else:
        yield request.getfixturevalue("postgres_queue")


def deeds(engine: sa.Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        found = reversed(read(connection, Query(action="task.steered")))
        return [(e.actor, e.action.removeprefix("task.steered."), e.subject) for e in found]


def test_given_people_who_steer_when_they_do_then_each_deed_is_signed_for(
    signed: TaskQueue, queue_engine: sa.Engine
) -> None:
    first, second = signed.add([NewTask(title=title, queue="dev", created_by="ann") for title in "ab"])
    signed.assign(first, "vaela", author="ann")
    signed.block(second, first, author="ann")
    with pytest.raises(BlockerCycleError):
        signed.block(first, second, author="ann")
    signed.comment(second, "this changes nothing", author="ann")
    signed.unblock(second, None, author="bob")
    signed.change(first, TaskChanges(priority=3), author="bob")
    signed.move(first, "qa", author="bob")
    signed.complete(first, result={"password": "hunter2"}, author="bob")
    signed.requeue(first, author="bob")
    signed.cancel(second, reason="not needed", author="bob")
    signed.delete(first)
    assert deeds(queue_engine) == [
        ("ann", "added", "queue:dev"),
        ("ann", "assigned", f"task:{first}"),
        ("ann", "blocked", f"task:{second}"),
        ("bob", "unblocked", f"task:{second}"),
        ("bob", "changed", f"task:{first}"),
        ("bob", "moved", f"task:{first}"),
        ("bob", "ended", f"task:{first}"),
        ("bob", "requeued", f"task:{first}"),
        ("bob", "ended", f"task:{second}"),
        ("signalbox", "deleted", f"task:{first}"),
    ]
    with queue_engine.connect() as connection:
        kept = str([entry.after for entry in read(connection, Query())])
    assert "hunter2" not in kept and "'bytes'" in kept and "not needed" in kept


def test_given_a_door_that_knows_who_asks_then_what_he_says_of_himself_does_not_count(
    signed: TaskQueue, queue_engine: sa.Engine
) -> None:
    (task,) = signed.add([NewTask(title="x", queue="dev", created_by="ann")])
    with acting_as(Acting("eve", Channel.REST, request_id())):
        signed.requeue(task, author="ann")
    assert deeds(queue_engine)[-1] == ("eve", "requeued", f"task:{task}")


def test_given_one_request_to_graphql_that_does_a_thing_twice_then_both_are_there(
    queue_engine: sa.Engine,
) -> None:
    with queue_engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE signalbox.audit_log"))
        for channel in (Channel.UI, Channel.REST):
            with acting_as(Acting("eve", channel, request_id())):
                record(connection, *(Entry("task.steered.requeued", "task:1") for _ in range(2)))
    assert len(deeds(queue_engine)) == 3
