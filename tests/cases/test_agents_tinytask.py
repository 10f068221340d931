"""A TinyTask server that hangs, is shared by stacks, is large, or has odd things in it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from scheduler_defs import database
from scheduler_defs.agents.deciding import Policy, TaskStatus
from scheduler_defs.agents.pool import healing
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.agents.task_queue.protocol import TaskQueueDownError
from scheduler_defs.agents.task_queue.tinytask.queue import TinyTaskQueue
from scheduler_defs.execution.dagster_patches.loops.sensors import OWN_LANE, Lanes
from sensors.alerts import NAME as ALERTS
from sensors.declarations import NAME as DECLARATIONS
from sensors.retries import NAME as RETRIES
from tests.patience import wait_until
from tests.standins.tinytask import TinyTaskServer
from tests.unit.agents.bench import Bench
from tests.unit.agents.yard import KnownRuns, agent, declared, now
from tests.unit.task_queue.asking import add, request

Opening = Callable[..., TinyTaskQueue]


@pytest.fixture
def on_server(tinytask_server: TinyTaskServer) -> Iterator[Opening]:
    """Opens the server's task queue, with what the test gives; closed at the end."""
    opened: list[TinyTaskQueue] = []

    def open_(**given: Any) -> TinyTaskQueue:
        opened.append(TinyTaskQueue(tinytask_server.url, **given))
        return opened[-1]

    yield open_
    for queue in opened:
        queue.close()


@pytest.mark.case("agents-T9")
@pytest.mark.parametrize("way", ["silent", "dripping"])
def test_given_a_server_that_accepts_and_does_not_answer_then_a_request_ends_within_its_time(
    way: str,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip(connection: socket.socket) -> None:
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                for _ in range(200):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return
                    time.sleep(0.05)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                if way == "dripping":
                    threading.Thread(target=drip, args=(connection,), daemon=True).start()
                else:
                    kept.append(connection)

        kept: list[socket.socket] = []
        threading.Thread(target=accept, daemon=True).start()
        queue = TinyTaskQueue(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_seconds=0.6)
        began = time.monotonic()
        with pytest.raises(TaskQueueDownError, match="does not answer"):
            queue.ping()
        assert time.monotonic() - began < 1.5
        queue.close()
        for connection in kept:
            connection.close()


@pytest.mark.case("agents-T9")
def test_given_every_thread_of_the_pool_in_use_then_retries_alerts_and_declarations_are_looked_at() -> None:
    assert {RETRIES, ALERTS, DECLARATIONS} == OWN_LANE
    go_on = threading.Event()
    done: list[str] = []

    def tick(_context: object, _logger: object, sensor: SimpleNamespace) -> None:
        if sensor.name not in OWN_LANE:
            go_on.wait(30)
        done.append(sensor.name)

    with ThreadPoolExecutor(max_workers=1) as pool:
        lanes = Lanes(pool)
        for name in ("agent_queue_dev", "agent_queue_qa", *sorted(OWN_LANE)):
            lanes.submit(tick, None, None, SimpleNamespace(name=name))
        wait_until(lambda: sorted(done) == sorted(OWN_LANE))
        go_on.set()
    lanes.shutdown()
    assert len(done) == 5


@pytest.mark.case("agents-X-tinytask-two-stacks")
@pytest.mark.parametrize("queue", ["tinytask"], indirect=True)
@pytest.mark.parametrize("when", ["claimed", "claiming"])
def test_given_two_stacks_on_one_server_then_neither_settles_what_the_other_works_on(
    bench: Bench, on_server: Opening, when: str
) -> None:
    ours = on_server(stack=lambda: "ours")
    theirs = on_server(stack=lambda: "theirs")
    id = add(ours, queue="share")
    if when == "claimed":
        theirs.claim(id, request("run-of-theirs", queue="share"), now())
    else:
        theirs._client.patch(f"tasks/{id}", {"assigned_to": "signalbox-claim::run-of-theirs@theirs"})
        theirs._client.post("agents/signalbox-claim%3A%3Arun-of-theirs%40theirs/signup", {})
    healed = healing.sweep(database.engine(), ours, declared(agent(queues=("share",))), KnownRuns(), now())
    assert healed == []
    assert ours.get(id).status is TaskStatus.WORKING
    view = ours.look("share", demand=lambda kind: 1, policy=Policy(), requested=(), now=now())
    assert view.faults == (f"another Signalbox stack works on 1 task(s) of this queue ({id})",)
    (healed_by_owner,) = healing.sweep(
        database.engine(), theirs, declared(agent(queues=("share",))), KnownRuns(), now()
    )
    assert healed_by_owner.task_id == id


@pytest.mark.case("agents-X-tinytask-scale")
def test_given_many_queues_looked_at_together_then_the_server_is_read_once(
    on_server: Opening, tinytask_server: TinyTaskServer
) -> None:
    queue = on_server()
    queue._moment._clock = lambda: 0.0
    names = [f"q{number}" for number in range(40)]
    for name in names:
        add(queue, queue=name)
    asked: list[str] = []
    tinytask_server.before_answer = lambda method, path: asked.append(path)
    for name in names:
        view = queue.look(name, demand=lambda kind: 1, policy=Policy(), requested=(), now=now())
        assert len(view.candidates) == 1
        assert len(queue.waiting(name, policy=Policy(), requested=(), limit=10, now=now())) == 1
    assert len(asked) <= 3
    add(queue, queue="q0")
    fresh = queue.look("q0", demand=lambda kind: 2, policy=Policy(), requested=(), now=now())
    assert len(fresh.candidates) == 2


@pytest.mark.case("agents-X-rings-everywhere")
def test_given_a_ring_in_one_queue_then_no_other_queue_reports_it(on_server: Opening) -> None:
    queue = on_server()
    ids = [add(queue, queue="cyc") for _ in range(3)]
    other = add(queue, queue="bal")
    for id, blocker in zip(ids, [ids[1], ids[2], ids[0]], strict=True):
        queue._client.patch(f"tasks/{id}", {"blocked_by_task_id": blocker})
    views = {
        name: queue.look(name, demand=lambda kind: 1, policy=Policy(), requested=(), now=now())
        for name in ("cyc", "bal")
    }
    assert len(views["cyc"].cycles) == 1
    assert len(views["cyc"].faults) == 1
    assert (views["bal"].cycles, views["bal"].faults) == ((), ())
    assert [candidate.id for candidate in views["bal"].candidates] == [other]


@pytest.mark.case("agents-X-archived-show")
def test_given_an_archived_task_then_it_is_shown_as_archived(on_server: Opening) -> None:
    queue = on_server()
    id = add(queue)
    queue._client.post(f"tasks/{id}/archive", {})
    assert task_object(queue.get(id))["status"] == "archived"
