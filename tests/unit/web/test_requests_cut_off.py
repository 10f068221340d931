"""Servers that are killed at any moment, and several at once: a request is done once, and all are told so."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from scheduler_defs import database
from scheduler_defs.web.rest.idempotency import REPLAYED
from tests.conftest import fresh_database
from tests.standins.web import Web
from tests.standins.yard_web import serving_yard

YARD = """\
jobs:
  deploy: {command: [echo, hello]}
triggers:
  pushed: {secret: HOOK_SECRET, job: deploy}
agents:
  ann: {queue: dev, command: ['true'], enabled: false}
"""
SECRET = "between us"
REQUESTS = {
    "task": ("/tasks", {"title": "Lay the cable", "queue": "dev"}, 201),
    "subtask": ("/tasks/1/subtasks", {"title": "Dig"}, 201),
    "comment": ("/tasks/1/comment", {"text": "It is dug"}, 200),
    "run": ("/jobs/deploy/runs", {}, 202),
    "retry": ("/runs/{run}/retry", {}, 202),
}
MOMENTS = {
    "before it is written": ("before_cursor_execute", ("INTO signalbox.task_requests", "INSERT INTO runs")),
    "before it is committed": ("after_cursor_execute", ("SET task_ids", "INSERT INTO runs")),
    "before its answer is kept": (
        "before_cursor_execute",
        ("idempotency_keys SET status", "deliveries SET run_id"),
    ),
}
COUNTED = """
    SELECT (SELECT count(*) FROM signalbox.tasks), (SELECT count(*) FROM signalbox.task_comments),
           (SELECT count(*) FROM runs)
"""


@pytest.fixture(scope="module")
def web(
    postgres_server: str, dagster_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("yard")
    (folder / "config").mkdir()
    (folder / "config" / "yard.yaml").write_text(YARD)
    with (
        pytest.MonkeyPatch.context() as patch,
        fresh_database(postgres_server, dagster_template) as url,
    ):
        patch.setenv("HOOK_SECRET", SECRET)
        patch.setenv("SIGNALBOX_CONFIG", str(folder / "config"))
        patch.setenv("SIGNALBOX_STATE", str(folder / "state"))
        patch.setenv("SIGNALBOX_POSTGRES_URL", url)
        with serving_yard(folder, url) as started:
            assert started.client().post("/api/v1/tasks", json=REQUESTS["task"][1]).json()["id"] == 1
            run = started.client().post("/api/v1/jobs/deploy/runs").json()["run_id"]
            asked("UPDATE runs SET status = 'FAILURE' WHERE run_id = :run", run=run)
            yield started
        database.engine(url).dispose()


def asked(statement: str, **values: Any) -> sa.CursorResult[Any]:
    with database.engine().begin() as connection:
        return connection.execute(sa.text(statement), values)


def counted() -> tuple[int, ...]:
    return tuple(asked(COUNTED).one())


def post(web: Web, kind: str, key: str) -> Any:
    failed = asked("SELECT run_id FROM runs WHERE status = 'FAILURE'").scalar_one()
    path, body, _ = REQUESTS[kind]
    address = f"/api/v1{path.format(run=failed)}"
    return web.client().post(address, json=body, headers={"Idempotency-Key": key})


def server(act: Callable[[], Any]) -> int:
    """A process of its own that does it, and ends with the first digit of what it was answered."""
    child = os.fork()
    if not child:
        signal.alarm(60)
        status = 5
        try:
            status = act().status_code // 100
        finally:
            os._exit(status)
    return child


def ending(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(act: Callable[[], Any], moment: str) -> None:
    """Have a process that is killed at the moment carry it out."""
    name, parts = MOMENTS[moment]

    def die(*given: Any) -> None:
        if any(part in given[2] for part in parts):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(sa.Engine, name, die)
    try:
        child = server(act)
    finally:
        event.remove(sa.Engine, name, die)
    assert ending(child) == -signal.SIGKILL


@pytest.mark.parametrize("moment", list(MOMENTS))
@pytest.mark.parametrize("kind", list(REQUESTS))
def test_given_a_server_that_is_killed_when_the_request_comes_again_then_it_is_done_once(
    web: Web, kind: str, moment: str
) -> None:
    before, key = counted(), f"{kind} {moment}"
    killed(lambda: post(web, kind, key), moment)
    assert post(web, kind, key).status_code == 409, "its server may live"
    asked("UPDATE signalbox.idempotency_keys SET created_at = now() - interval '1 hour' WHERE status IS NULL")
    again, third = post(web, kind, key), post(web, kind, key)
    done = tuple(now - then for now, then in zip(counted(), before, strict=True))
    assert again.status_code == third.status_code == REQUESTS[kind][2], again.text
    assert (REPLAYED in again.headers, again.json()) == (False, third.json())
    one = {
        "task": (1, 0, 0),
        "subtask": (1, 0, 0),
        "comment": (0, 1, 0),
        "run": (0, 0, 1),
        "retry": (0, 0, 1),
    }
    assert done == one[kind]


@pytest.mark.parametrize("kind", ["task", "comment", "retry"])
def test_given_another_key_then_it_is_done_once_more(web: Web, kind: str) -> None:
    before = counted()
    answers = [post(web, kind, f"another {kind} {number}") for number in range(2)]
    assert [each.status_code for each in answers] == [REQUESTS[kind][2]] * 2
    assert sum(counted()) == sum(before) + 2


def deliver(web: Web, said: str) -> Callable[[], Any]:
    """Who knows the secret asks for a run, with a signature of this second."""
    at, body = int(time.time()), f'{{"said": "{said}"}}'.encode()
    signed = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Signalbox-Signature": f"t={at},v1={signed}"}
    return lambda: web.client().post("/api/v1/triggers/pushed", content=body, headers=headers)


@pytest.mark.attack
def test_given_a_delivery_that_several_servers_take_at_once_and_a_replay_then_there_is_one_run(
    web: Web,
) -> None:
    before, delivery = counted(), deliver(web, "at once")
    assert sorted(map(ending, [server(delivery) for _ in range(4)])) == [2, 4, 4, 4]
    replay = delivery()
    assert replay.status_code == 409 and "was taken before: run" in replay.json()["detail"]
    assert counted()[2] == before[2] + 1


@pytest.mark.attack
@pytest.mark.parametrize("moment", list(MOMENTS))
def test_given_a_server_that_is_killed_with_a_delivery_when_it_is_replayed_then_there_is_one_run(
    web: Web, moment: str
) -> None:
    before, delivery = counted(), deliver(web, moment)
    killed(delivery, moment)
    launched = counted()[2] - before[2]
    assert delivery().status_code == 409, "its server may live"
    asked("UPDATE signalbox.trigger_deliveries SET taken_at = now() - interval '1 hour'")
    assert delivery().status_code == (409 if launched else 202)
    assert delivery().status_code == 409
    assert counted()[2] == before[2] + 1
