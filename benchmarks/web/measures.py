"""What is measured of the web, and against which bar."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence

import psutil

from benchmarks.web.client import Web

PAGE_BAR = 0.150
READ_BAR = 0.050
SUBMIT_BAR = 0.100
PAGES = (
    "/signalbox/",
    "/signalbox/schedules",
    "/signalbox/schedules?q=s-1&sort=-next",
    "/signalbox/schedules/s-5",
    "/signalbox/timeline",
    "/signalbox/timeline?span=30d",
    "/signalbox/timeline?by=queue&span=7d",
    "/signalbox/queues",
    "/signalbox/tasks/1",
    "/signalbox/runs/{run}",
    "/signalbox/inbox",
    "/signalbox/health",
    "/signalbox/audit",
    "/signalbox/api",
)
READS = (
    "/schedules",
    "/schedules?limit=20",
    "/schedules/s-5",
    "/schedules/s-5/next",
    "/schedules/s-5/history",
    "/jobs",
    "/runs",
    "/runs/{run}",
    "/runs/{run}/result",
    "/tasks",
    "/tasks/1",
    "/agents",
    "/queues",
    "/limits",
    "/quotas",
    "/approvals",
    "/inbox",
    "/audit",
    "/capabilities",
    "/why/schedule:s-5",
)


async def pages(web: Web, run_id: str, server: psutil.Process) -> None:
    """First byte of each page, at one client."""
    for path in PAGES:
        place = path.format(run=run_id)
        await web.get(place)
        before = _cpu(server)
        took = [(await web.get(place)).first_byte for _ in range(20)]
        show(f"first byte of {path}", PAGE_BAR, took, _cpu(server) - before)


async def reads(web: Web, run_id: str, server: psutil.Process) -> None:
    """Whole answers of the API, at one client."""
    for path in READS:
        place = f"/api/v1{path.format(run=run_id)}"
        await web.get(place)
        before = _cpu(server)
        took = [(await web.get(place)).whole for _ in range(40)]
        show(f"GET {path}", READ_BAR, took, _cpu(server) - before)


async def submits(web: Web, server: psutil.Process) -> None:
    """From a request to its 202, at one client."""
    took: list[float] = []
    before = _cpu(server)
    for _ in range(40):
        answer = await web.ask("POST", "/api/v1/jobs/noop/runs", {})
        if answer.status != 202:
            raise RuntimeError(f"{answer.status} {answer.body!r}")
        took.append(answer.whole)
    show("POST /jobs/noop/runs", SUBMIT_BAR, took, _cpu(server) - before)
    await web.close()  # the server ends what is idle for so long
    await asyncio.sleep(5)  # the runs are over


async def at_a_rate(web: Web, run_id: str, rate: float, seconds: float, server: psutil.Process) -> None:
    """All reads in turn, each sent when its time has come, however long the others take."""
    took: dict[str, list[float]] = defaultdict(list)

    async def send(path: str, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await web.get(f"/api/v1{path.format(run=run_id)}")
        took[path].append(time.perf_counter() - due)

    before = _cpu(server)
    begin = time.perf_counter() + 0.2
    number = int(rate * seconds)
    async with asyncio.TaskGroup() as group:
        for count, path in zip(range(number), itertools.cycle(READS), strict=False):
            group.create_task(send(path, begin + count / rate))
    lasted = time.perf_counter() - begin
    for path, values in took.items():
        show(f"at {rate:g}/s: GET {path}", READ_BAR, values)
    show(f"at {rate:g}/s: all", READ_BAR, list(itertools.chain.from_iterable(took.values())))
    used = (_cpu(server) - before) / lasted
    print(
        f"{number / lasted:.0f} requests/s were answered; the webserver used {used:.0%} of a core", flush=True
    )


async def listeners(web: Web, clients: int, server: psutil.Process) -> None:
    """So many clients of live events at once: how many threads that takes, and how soon they hear."""
    before = server.num_threads()
    heard: list[float] = []
    started = asyncio.Semaphore(0)
    told = asyncio.Event()
    sent = 0.0

    async def listen() -> None:
        reader, writer = await asyncio.open_connection(web.host, web.port)
        writer.write(f"GET /api/v1/events HTTP/1.1\r\nHost: {web.host}:{web.port}\r\n\r\n".encode())
        await reader.readuntil(b"event: state\n")
        started.release()
        await told.wait()
        await reader.readuntil(b"event: run\n")
        heard.append(time.perf_counter() - sent)
        writer.close()

    tasks = [asyncio.create_task(listen()) for _ in range(clients)]
    began = time.perf_counter()
    for _ in range(clients):
        await started.acquire()
    print(
        f"{clients} clients of live events have the present state after {time.perf_counter() - began:.1f} s"
    )
    threads = server.num_threads() - before
    told.set()
    sent = time.perf_counter()
    await web.ask("POST", "/api/v1/jobs/noop/runs", {})
    await asyncio.gather(*tasks)
    print(
        f"{clients} clients heard of a run {statistics.median(heard):.2f} s after it was asked for (median), "
        f"the last {max(heard):.2f} s; {threads} threads more than without them",
        flush=True,
    )


def show(name: str, bar: float, seconds: Sequence[float], cpu: float | None = None) -> None:
    """One line: median, 95th percentile against the bar, the worst; and the CPU of the server for each.

    The last says what a busy machine cannot make worse.
    """
    ordered = sorted(seconds)
    p95 = ordered[max(0, round(0.95 * len(ordered)) - 1)]
    verdict = "" if p95 <= bar else "   OVER"
    milli = [1000 * value for value in (statistics.median(ordered), p95, ordered[-1], bar)]
    print(
        f"{name:48} p50 {milli[0]:6.1f}  p95 {milli[1]:6.1f}  worst {milli[2]:6.1f} ms"
        f"   bar {milli[3]:.0f}{verdict}"
        + ("" if cpu is None else f"   CPU {1000 * cpu / len(ordered):.1f} ms"),
        flush=True,
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
