"""A request that is sent again is done once: same answer, another body refused, a cut-off one not repeated."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from scheduler_defs.access.table import admin
from scheduler_defs.web.access.gate import PRINCIPAL
from scheduler_defs.web.rest.idempotency import REPEATED, REPLAYED, REQUEST, Idempotency


class Yard:
    """An application that counts what it does, behind the middleware."""

    def __init__(self, engine: sa.Engine) -> None:
        self.done: list[str] = []
        self.status = 202
        self.going, self.may_end = Event(), Event()
        self.may_end.set()
        app = Starlette(
            routes=[
                Route("/runs", self.act, methods=["POST"]),
                Route("/other", self.act, methods=["POST"]),
                Route("/tasks/1/claim", self.act, methods=["POST"]),
            ]
        )
        self.engine = engine
        self.repeated: list[bool] = []
        self.requests: set[str] = set()
        self._app = Idempotency(app, engine=lambda: engine, silence=2.0)

    async def act(self, request: Request) -> JSONResponse:
        import anyio

        self.done.append((await request.body()).decode())
        self.repeated.append(request.scope[REPEATED])
        self.requests.add(request.scope[REQUEST])
        self.going.set()
        await anyio.to_thread.run_sync(self.may_end.wait)
        if self.status == 599:
            raise RuntimeError("fell over")
        return JSONResponse({"n": len(self.done)}, self.status, {"Location": "/api/v1/runs/1"})

    def client(self, who: str = "ann") -> TestClient:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[PRINCIPAL] = admin(who)
            await self._app(scope, receive, send)

        return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def yard(migrated_url: str) -> Iterator[Yard]:
    made = sa.create_engine(migrated_url)
    yield Yard(made)
    made.dispose()


KEY = {"Idempotency-Key": "once"}


def test_the_same_request_gets_the_same_answer_and_is_done_once(yard: Yard) -> None:
    client = yard.client()
    first, again = (client.post("/runs", content=b"{}", headers=KEY) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (202, {"n": 1})
    assert again.headers["Location"] == "/api/v1/runs/1"
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    assert yard.done == ["{}"]


@pytest.mark.parametrize(("path", "body"), [("/runs", b'{"x": 1}'), ("/other", b"{}"), ("/runs?a=1", b"{}")])
def test_another_request_with_the_key_is_refused(yard: Yard, path: str, body: bytes) -> None:
    client = yard.client()
    client.post("/runs", content=b"{}", headers=KEY)
    refused = client.post(path, content=body, headers=KEY)
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert len(yard.done) == 1


@pytest.mark.attack
def test_a_key_is_its_callers_own(yard: Yard) -> None:
    assert [yard.client(who).post("/runs", headers=KEY).json()["n"] for who in ("ann", "bob")] == [1, 2]


def test_two_at_once_do_it_once(yard: Yard) -> None:
    yard.may_end.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(lambda: yard.client().post("/runs", content=b"{}", headers=KEY))
        assert yard.going.wait(20)
        second = yard.client().post("/runs", content=b"{}", headers=KEY)
        yard.may_end.set()
        assert (second.status_code, first.result(20).status_code) == (409, 202)
    assert "Retry-After" in second.headers
    assert yard.done == ["{}"]


@pytest.mark.parametrize("status", [503, 599])
def test_a_fault_of_the_server_may_be_tried_again(yard: Yard, status: int) -> None:
    client = yard.client()
    yard.status = status
    assert client.post("/runs", headers=KEY).status_code >= 500
    yard.status = 202
    assert client.post("/runs", headers=KEY).status_code == 202


def test_keys_that_cannot_be_kept_are_refused(yard: Yard) -> None:
    client = yard.client()
    assert client.post("/runs", headers={"Idempotency-Key": "x" * 201}).status_code == 400
    assert client.post("/tasks/1/claim", headers=KEY).status_code == 400
    assert yard.done == []


def cut_off(yard: Yard, path: str, *, seconds_ago: float) -> None:
    """As a process leaves it that dies while it answers."""
    yard.client().post(path, content=b"{}", headers=KEY)
    left = sa.text(
        "UPDATE signalbox.idempotency_keys SET status = NULL, headers = NULL, body = NULL,"
        " created_at = now() - make_interval(secs => :ago)"
    )
    with yard.engine.begin() as connection:
        connection.execute(left, {"ago": seconds_ago})


def test_given_a_request_that_a_crash_has_cut_off_when_it_comes_again_then_it_is_taken_over_once(
    yard: Yard,
) -> None:
    cut_off(yard, "/runs", seconds_ago=3)
    client = yard.client()
    again, third = (client.post("/runs", content=b"{}", headers=KEY) for _ in range(2))
    assert (again.status_code, REPLAYED in again.headers, third.headers[REPLAYED]) == (202, False, "true")
    assert (yard.repeated, len(yard.requests), len(yard.done)) == ([False, True], 1, 2)


def test_given_an_owner_that_may_live_then_it_is_refused(yard: Yard) -> None:
    cut_off(yard, "/runs", seconds_ago=-30)
    refused = yard.client().post("/runs", content=b"{}", headers=KEY)
    assert (refused.status_code, len(yard.done)) == (409, 1)


def test_given_another_request_with_the_key_of_one_that_was_cut_off_then_it_takes_nothing_over(
    yard: Yard,
) -> None:
    cut_off(yard, "/runs", seconds_ago=3)
    assert yard.client().post("/runs", content=b"other", headers=KEY).status_code == 409


def test_given_a_request_that_takes_long_then_its_key_is_renewed(yard: Yard) -> None:
    aged = sa.text("UPDATE signalbox.idempotency_keys SET created_at = now() - interval '1 hour'")
    renewed = sa.text("SELECT created_at > now() - interval '1 minute' FROM signalbox.idempotency_keys")
    yard.may_end.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(lambda: yard.client().post("/runs", content=b"{}", headers=KEY))
        try:
            assert yard.going.wait(20)
            with yard.engine.begin() as connection:
                connection.execute(aged)
            deadline, found = monotonic() + 20, False
            while not found and monotonic() < deadline:
                with yard.engine.connect() as connection:
                    found = connection.execute(renewed).scalar_one()
            assert found
        finally:
            yard.may_end.set()
        assert first.result(20).status_code == 202
