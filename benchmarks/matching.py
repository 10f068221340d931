"""A long made-up queue in Postgres, and passes over it: looking and matching, without reserving anything."""

from __future__ import annotations

import datetime as dt
import random
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scheduler_defs import database
from scheduler_defs.agents.deciding import AgentView, Policy, demand, match
from scheduler_defs.agents.deciding.matching.match import QueueTasks, match_together
from scheduler_defs.agents.deciding.matching.reservations import Reservation
from scheduler_defs.agents.deciding.matching.shares import Shares
from scheduler_defs.agents.pool.passes import look_through
from scheduler_defs.agents.task_queue.new_task import NewTask
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue

QUEUE = "dev"


@dataclass(frozen=True)
class Passed:
    """One pass: how many tasks it placed, and what it took."""

    placed: int
    seconds: float
    matching_seconds: float


class MadeUpQueue:
    """So many idle tasks for so many agents, in a database that may be filled."""

    def __init__(self, url: str, *, tasks: int, agents: int) -> None:
        engine = database.engine(url)
        database.upgrade(engine)
        self._queue = PostgresTaskQueue(engine)
        self._tasks = tasks
        self.pool = made_up_agents(agents)
        self.busy_pool = [replace(agent, active=agent.limit - (agent is self.pool[0])) for agent in self.pool]

    def fill(self) -> float:
        """Add the tasks; the seconds that it took."""
        new = made_up_tasks(self._tasks)
        began = time.perf_counter()
        self._queue.add(new)
        return time.perf_counter() - began

    def passed(self, agents: Sequence[AgentView], reserved: Sequence[Reservation] = ()) -> Passed:
        """Make one pass."""
        now = dt.datetime.now(dt.UTC)
        policy = Policy()
        began = time.perf_counter()
        view = look_through(
            lambda hidden: self._queue.look(
                QUEUE,
                demand=lambda kind: demand(agents, kind, now),
                policy=policy,
                requested=(),
                now=now,
                hidden=hidden,
            ),
            lambda candidates: match(candidates, agents, now=now, policy=policy, reserved=reserved),
            reserved,
        )
        looked = time.perf_counter()
        decided = match(view.candidates, agents, now=now, policy=policy, reserved=reserved)
        done = time.perf_counter()
        return Passed(len(decided.placed), done - began, done - looked)

    def weighted(self) -> Passed:
        """One pass as if every other task were of a second queue, with weights of 3 and 1."""
        began = time.perf_counter()
        now, policy = dt.datetime.now(dt.UTC), Policy()
        view = self._queue.look(
            QUEUE,
            demand=lambda kind: demand(self.pool, kind, now),
            policy=policy,
            requested=(),
            now=now,
        )
        looked = time.perf_counter()
        queues = {
            name: QueueTasks(view.candidates[place::2], self.pool, policy)
            for place, name in enumerate((QUEUE, "docs"))
        }
        names, slots = [agent.name for agent in self.pool], sum(agent.limit for agent in self.pool)
        shares = Shares(names, {QUEUE: 3, "docs": 1}, slots, [QUEUE] * slots)
        decided = match_together(queues, now=now, shares=[shares])
        done = time.perf_counter()
        placed = sum(len(each.placed) for each in decided.values())
        return Passed(placed, done - began, done - looked)

    def peak_kilobytes(self) -> float:
        """The most memory that Python took for a pass."""
        tracemalloc.start()
        try:
            self.passed(self.pool)
            return tracemalloc.get_traced_memory()[1] / 1024
        finally:
            tracemalloc.stop()


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
                    paths=(f"src/{number % 100}/{number}.py",) if number % 3 else (),
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
