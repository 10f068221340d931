"""What is measured, the same way on either stack. Times are read from Postgres and from the work itself."""

from __future__ import annotations

import datetime as dt
import os
import signal
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.compare.graphql import Client, launch_at_once
from benchmarks.compare.stacks import Stack, until
from benchmarks.compare.usage import cpu_by_role, memory_megabytes, tree
from benchmarks.compare.work import DIAMOND_JOB, PYTHON_JOB, SECOND

LONGEST_SECONDS = 1800


@dataclass(frozen=True)
class Sizes:
    """How much of each."""

    at_once: int = 100
    queued: int = 200
    idle_launches: int = 20
    schedules: int = 200
    idle_schedules: int = 50
    idle_seconds: float = 60

    def scaled(self, factor: float) -> Sizes:
        """All of it, so many times."""
        return Sizes(**{name: type(value)(max(1, value * factor)) for name, value in asdict(self).items()})


Numbers = dict[str, float]


def warm_up(stack: Stack) -> None:
    """Every slot has run the work once."""
    _await_end(stack, launch_at_once(stack.url, stack.location, PYTHON_JOB, 2 * stack.slots))


def at_once(stack: Stack, sizes: Sizes) -> Numbers:
    """Runs per second for runs that are submitted at once through GraphQL, the submissions included."""
    began = time.time()
    run_ids = launch_at_once(stack.url, stack.location, PYTHON_JOB, sizes.at_once)
    ended = _await_end(stack, run_ids)
    return {"runs_per_second_submitted": sizes.at_once / (ended - began)}


def queued_beforehand(stack: Stack, sizes: Sizes) -> Numbers:
    """Runs per second from the moment when the daemon, frozen while the queue was filled, goes on.

    And the CPU time of a run, by part of the stack: where the time goes.
    """
    os.kill(stack.daemon_pid, signal.SIGSTOP)
    try:
        run_ids = launch_at_once(stack.url, stack.location, PYTHON_JOB, sizes.queued)
    finally:
        before = cpu_by_role(tree(stack.roots))
        began = time.time()
        os.kill(stack.daemon_pid, signal.SIGCONT)
    ended = _await_end(stack, run_ids)
    return {
        "runs_per_second_queued": sizes.queued / (ended - began),
        **_cpu_per_run(stack, before, sizes.queued, "cpu_per_run"),
    }


def idle_latency(stack: Stack, sizes: Sizes) -> Numbers:
    """From a run's creation to its first line of user code, one run at a time."""
    seconds = sorted(_first_line(stack, stack.client(), n) for n in range(sizes.idle_launches))
    return {
        "first_line_p50_seconds": seconds[len(seconds) // 2],
        "first_line_p99_seconds": seconds[-1],
    }


def second_location(stack: Stack, sizes: Sizes) -> Numbers:
    """A small location beside the first: its memory, at rest and once its code is warm, and its first lines.

    One run at a time, in this location and in that one in turn; and a diamond on Dagster's default executor.
    """
    is_there = stack.client(SECOND).location_is_loaded()
    memory = {} if is_there else _memory_of_one_more(stack, sizes)
    seconds: dict[str, list[float]] = {stack.location: [], SECOND: []}
    for n in range(sizes.idle_launches):
        for location, taken in seconds.items():
            taken.append(_first_line(stack, stack.client(location), n))
    first, second = (statistics.median(taken) for taken in seconds.values())
    diamonds = [_diamond(stack) for _ in range(max(1, sizes.idle_launches // 2))]
    return {
        **memory,
        "first_line_here_p50_seconds": first,
        "first_line_second_location_p50_seconds": second,
        "first_line_second_location_times": second / first,
        "default_executor_diamond_seconds": statistics.median(diamonds),
    }


def _memory_of_one_more(stack: Stack, sizes: Sizes) -> Numbers:
    time.sleep(sizes.idle_seconds / 2)
    before = memory_megabytes(tree(stack.roots))
    stack.add_location()
    until(lambda: stack.client(SECOND).location_is_loaded(), 180, f"{stack.name}: the second location")
    time.sleep(sizes.idle_seconds / 2)
    loaded = memory_megabytes(tree(stack.roots))
    _await_end(stack, launch_at_once(stack.url, SECOND, PYTHON_JOB, 2 * stack.slots))
    for _ in range(2):
        _diamond(stack)
    time.sleep(sizes.idle_seconds / 2)
    warm = memory_megabytes(tree(stack.roots))
    return {
        "second_location_megabytes": loaded - before,
        "second_location_warm_megabytes": warm - before,
    }


def _first_line(stack: Stack, client: Client, n: int) -> float:
    """Seconds from a run's creation to its first line of user code; then a pause, the `n`-th of several."""
    run_id = client.launch(PYTHON_JOB)
    _await_end(stack, [run_id])
    ((created,),) = stack.rows(
        "SELECT extract(epoch FROM create_timestamp) FROM runs WHERE run_id = :id", id=run_id
    )
    time.sleep(0.2 + 0.137 * (n % 7))  # not in step with anybody's interval
    return _python_starts(stack)[run_id] - float(created)


def _diamond(stack: Stack) -> float:
    """Seconds from creation to end of four steps."""
    run_id = stack.client(SECOND).launch(DIAMOND_JOB)
    ended = _await_end(stack, [run_id])
    ((created,),) = stack.rows(
        "SELECT extract(epoch FROM create_timestamp) FROM runs WHERE run_id = :id", id=run_id
    )
    return ended - float(created)


def due_together(stack: Stack, sizes: Sizes) -> Numbers:
    """Many schedules due in the same minute, in seconds after the minute; each must have run exactly once."""
    file = stack.folder / "starts-command"
    file.unlink(missing_ok=True)
    # Stock counts a schedule from the minute in which its daemon, started anew, has first seen it.
    due = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=100)).replace(second=0, microsecond=0)
    stack.declare_schedules(sizes.schedules, f"{due.minute} {due.hour} {due.day} {due.month} *")

    while time.time() < due.timestamp() - 0.1:
        time.sleep(0.1)
    before = cpu_by_role(tree(stack.roots))

    def run_ids() -> list[str]:
        found = stack.rows(
            "SELECT run_id FROM runs WHERE create_timestamp >= :due", due=due.replace(tzinfo=None)
        )
        return [row.run_id for row in found] if len(found) >= sizes.schedules else []

    ids = until(run_ids, LONGEST_SECONDS, f"{stack.name}: {sizes.schedules} runs")
    ended = _await_end(stack, ids)
    ((created,),) = stack.rows(
        "SELECT extract(epoch FROM max(create_timestamp)) FROM runs WHERE run_id = ANY(:ids)", ids=ids
    )
    names = stack.rows(
        "SELECT value FROM run_tags WHERE key = 'dagster/schedule_name' AND run_id = ANY(:ids)", ids=ids
    )
    starts = [float(line) for line in file.read_text().split()]
    if not len(starts) == len(ids) == len({row.value for row in names}) == sizes.schedules:
        raise RuntimeError(f"{stack.name}: {len(ids)} runs and {len(starts)} starts of {sizes.schedules}")
    return {
        "schedules_created_seconds": float(created) - due.timestamp(),
        "schedules_last_start_seconds": max(starts) - due.timestamp(),
        "schedules_finished_seconds": ended - due.timestamp(),
        **_cpu_per_run(stack, before, sizes.schedules, "schedules_cpu_per_run"),
    }


def idle_cost(stack: Stack, sizes: Sizes) -> Numbers:
    """CPU and memory of the whole stack while nothing is due."""
    past = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)
    stack.declare_schedules(sizes.idle_schedules, f"{past.minute} {past.hour} {past.day} {past.month} *")
    time.sleep(sizes.idle_seconds)  # for what the new schedules have set going
    before = cpu_by_role(tree(stack.roots))
    began = time.monotonic()
    time.sleep(sizes.idle_seconds)
    processes = tree(stack.roots)
    seconds = time.monotonic() - began
    used = {part: spent - before.get(part, 0.0) for part, spent in cpu_by_role(processes).items()}
    return {
        "idle_cpu_percent": 100 * sum(used.values()) / seconds,
        **{f"idle_cpu_{part}_percent": 100 * spent / seconds for part, spent in used.items()},
        "idle_memory_megabytes": memory_megabytes(processes),
        "idle_processes": len(processes),
    }


def statements(stack: Stack, sizes: Sizes) -> Numbers:
    """What Postgres is asked (transactions' begins and ends included): per second when idle, and per run."""
    runs = sizes.idle_launches
    stack.log_statements(True)
    try:
        time.sleep(1)
        idle = _lines(stack.database_log)
        began = time.monotonic()
        time.sleep(sizes.idle_seconds / 2)
        idle_rate = (_lines(stack.database_log) - idle) / (time.monotonic() - began)
        before = _lines(stack.database_log)
        began = time.monotonic()
        _await_end(stack, launch_at_once(stack.url, stack.location, PYTHON_JOB, runs), pause=2)
        asked = _lines(stack.database_log) - before - idle_rate * (time.monotonic() - began)
    finally:
        stack.log_statements(False)
    return {"statements_per_second_idle": idle_rate, "statements_per_run": asked / runs}


def _lines(log: Path) -> int:
    return log.read_bytes().count(b" duration: ")


ALL = (at_once, queued_beforehand, idle_latency, due_together, idle_cost, statements, second_location)


def _cpu_per_run(stack: Stack, before: dict[str, float], runs: int, name: str) -> Numbers:
    """The CPU time of a run since `before`, all and by part of the stack."""
    used = {part: spent - before.get(part, 0.0) for part, spent in cpu_by_role(tree(stack.roots)).items()}
    return {
        f"{name}_milliseconds": 1000 * sum(used.values()) / runs,
        **{f"{name}_{part}_milliseconds": 1000 * spent / runs for part, spent in used.items()},
    }


def _await_end(stack: Stack, run_ids: list[str], pause: float = 0.1) -> float:
    """When the last of the runs ended (seconds since the epoch). Raises RuntimeError if one has failed.

    `pause` is the time between two looks, in seconds.
    """
    statement = """
        SELECT count(*) FILTER (WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')) AS ended,
               count(*) FILTER (WHERE status = 'SUCCESS') AS good, max(end_time) AS last
        FROM runs WHERE run_id = ANY(:ids)
    """
    if not run_ids:
        return time.time()

    def ended() -> tuple[int, float] | None:
        (row,) = stack.rows(statement, ids=run_ids)
        return (row.good, row.last) if row.ended == len(run_ids) else None

    good, last = until(ended, LONGEST_SECONDS, f"{stack.name}: the end of {len(run_ids)} runs", pause)  # type: ignore[misc]
    if good != len(run_ids):
        raise RuntimeError(f"{stack.name}: {len(run_ids) - good} of {len(run_ids)} runs did not succeed")
    return last


def _python_starts(stack: Stack) -> dict[str, float]:
    lines = (stack.folder / "starts-python").read_text().splitlines()
    return {run_id: float(seconds) for seconds, run_id in map(str.split, lines)}
