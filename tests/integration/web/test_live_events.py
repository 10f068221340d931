"""Live events on the session's stack: the present first, nothing lost, an end, and many clients at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.integration.running_stack import Stack, until

Event = tuple[str, str, dict[str, Any]]
CLIENTS = 500


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stack.ui}/api/v1", trust_env=False, timeout=60) as client:
        yield client


def events(lines: Iterator[str]) -> Iterator[Event]:
    """What a stream says, event by event."""
    found: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        elif "event" in found:
            yield found["event"], found["id"], json.loads(found["data"])
            found = {}


def launched(api: httpx.Client) -> str:
    return api.post("/jobs/heartbeat/runs", json={}).json()["run_id"]


def followed(api: httpx.Client, run: str, **headers: str) -> list[Event]:
    with api.stream("GET", f"/runs/{run}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        return list(events(stream.iter_lines()))


def test_a_run_is_told_from_its_state_to_its_end(api: httpx.Client, stack: Stack) -> None:
    run = launched(api)
    found = followed(api, run)
    assert [kind for kind, _, _ in (found[0], found[-1])] == ["state", "end"]
    assert found[-1][2]["status"] == "SUCCESS"
    told = [data for kind, _, data in found if kind == "event"]
    lines = stack.run("runs", "follow", run, "--json").stdout.splitlines()
    assert told == [json.loads(line) for line in lines]
    ids = [int(id) for kind, id, _ in found if kind == "event"]
    assert ids == sorted(set(ids))


def test_whoever_comes_back_gets_the_rest(api: httpx.Client) -> None:
    run = launched(api)
    whole = followed(api, run)
    middle = whole[len(whole) // 2][1]
    rest = followed(api, run, **{"Last-Event-ID": middle})
    assert rest[0][0] == "state"
    assert [event for event in rest if event[0] == "event"] == [
        event for event in whole if event[0] == "event" and int(event[1]) > int(middle)
    ]


def test_what_is_not_there_is_a_404_before_any_stream(api: httpx.Client) -> None:
    answer = api.get("/runs/none/events")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_everything_is_told_and_resumed(api: httpx.Client) -> None:
    with api.stream("GET", "/events") as stream:
        found = events(stream.iter_lines())
        kind, first, state = next(found)
        assert (kind, set(state)) == ("state", {"runs", "queues"})
        run = launched(api)
        ended = next(
            data for _, _, data in found if data.get("run_id") == run and data["type"] == "RUN_SUCCESS"
        )
        assert ended["run"]["job"] == "heartbeat"
    with api.stream("GET", "/events", params={"last_event_id": first}) as stream:
        types = list[str]()
        for _, _, data in events(stream.iter_lines()):
            if data.get("run_id") == run:
                types.append(data["type"])
                if data["type"] == "RUN_SUCCESS":
                    break
    assert types == ["RUN_ENQUEUED", "RUN_STARTING", "RUN_START", "RUN_SUCCESS"]


def test_five_hundred_clients_need_no_thread_each(stack: Stack, api: httpx.Client) -> None:
    webserver = psutil.Process(stack.pid("webserver"))

    async def listen(started: asyncio.Semaphore) -> str:
        host, port = stack.ui.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /api/v1/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        try:
            async with asyncio.timeout(90):
                while b"event: state" not in (line := await reader.readline()):
                    assert line
                started.release()
                while True:
                    line = await reader.readline()
                    if line.startswith(b"data: ") and b"RUN_SUCCESS" in line and b'"api"' in line:
                        return json.loads(line[6:])["run_id"]
        finally:
            writer.close()

    async def all_of_them() -> tuple[list[str], int, str]:
        started = asyncio.Semaphore(0)
        clients = [asyncio.create_task(listen(started)) for _ in range(CLIENTS)]
        for _ in range(CLIENTS):
            await started.acquire()
        threads = webserver.num_threads()
        run = await asyncio.to_thread(launched, api)
        return await asyncio.gather(*clients), threads, run

    heard, threads, run = asyncio.run(all_of_them())
    assert heard == [run] * CLIENTS
    assert threads < 150


def test_a_server_that_is_told_to_end_does_not_wait_for_its_listeners(
    stack: Stack, api: httpx.Client
) -> None:
    pid = stack.pid("webserver")
    with api.stream("GET", "/events") as stream:
        found = events(stream.iter_lines())
        next(found)
        psutil.Process(pid).terminate()
        assert list(found) == []
    until(lambda: not psutil.pid_exists(pid), "the old webserver is gone")
    until(lambda: stack.component("webserver")["state"] == "healthy", "a new one is there")
