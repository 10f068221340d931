"""How what waits in the agent queues is expected to go, by what is learned from tasks that are done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from scheduler_defs.agents.deciding import AgentView, Candidate
from scheduler_defs.agents.deciding.estimates import Estimate, Estimates
from scheduler_defs.agents.deciding.matching.playing import Backlog, Expected, play
from scheduler_defs.agents.pool.flow import estimates
from scheduler_defs.agents.pool.passes import as_it_stands
from scheduler_defs.agents.pool.sharing import shares_of, sharing_repositories
from scheduler_defs.agents.pool.views import policy_of
from scheduler_defs.agents.task_queue.models import Task, TaskQuery
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.declarations.models.declared import Declarations

MOST_TASKS = 300
"""So many waiting tasks of each queue are played."""


@dataclass(frozen=True, slots=True)
class Played:
    """`estimates`: by task, what its end is taken from; one that is not among them is assumed."""

    queues: Sequence[str]
    expected: Sequence[Expected]
    waiting: Mapping[str, int]
    """How many waited in each queue, of those that were played."""
    tasks: Mapping[int, Task]
    estimates: Mapping[int, Estimate]


def played(
    engine: sa.Engine,
    task_queue: TaskQueue,
    declarations: Declarations,
    *,
    now: dt.datetime,
    until: dt.datetime,
    assumed: dt.timedelta,
) -> Played:
    """From now on. `assumed`: how long a task takes of which nothing is known."""
    standing = as_it_stands(engine, task_queue, declarations, runs=None, now=now)
    names = declarations.served_queues
    given = {each.task_id for each in standing.live}
    waiting: dict[str, Backlog] = {}
    for name in names:
        policy = policy_of(declarations.task_queue.for_queue(name))
        found = task_queue.waiting(name, policy=policy, requested=given, limit=MOST_TASKS, now=now)
        tasks = [each for each in found if each.id not in given]
        waiting[name] = Backlog(tasks, policy, sharing_repositories(declarations, name) - {name})
    ids = given | {task.id for backlog in waiting.values() for task in backlog.tasks}
    known = {task.id: task for task in task_queue.find(TaskQuery(ids=tuple(ids), limit=None))} if ids else {}
    with engine.connect() as connection:
        learned = estimates(connection, names)
        shares = shares_of(connection, declarations, names)
    used: dict[int, Estimate] = {}

    def usual(queue: str, agent: str, task_id: int) -> dt.timedelta:
        found = _of(learned, queue, agent, known.get(task_id))
        if found is not None:
            used[task_id] = found
        return assumed if found is None else dt.timedelta(seconds=max(1.0, found.median_seconds))

    working: list[Expected] = []
    for each in standing.live:
        began = each.claimed_at or now
        task = known.get(each.task_id)
        end = max(now, began + usual(each.queue, each.agent, each.task_id))
        paths = task.paths if task is not None else ()
        working.append(Expected(each.task_id, each.queue, each.agent, began, end, paths, already=True))

    def agents(queue: str, loads: Mapping[str, int], moment: dt.datetime) -> list[AgentView]:
        return replace(standing, loads=loads).agents(queue, moment)

    def takes(queue: str, agent: str, task: Candidate) -> dt.timedelta:
        return usual(queue, agent, task.id)

    expected = play(waiting, working, agents, takes, now=now, until=until, shares=shares)
    counts = {name: len(backlog.tasks) for name, backlog in waiting.items()}
    return Played(names, expected, counts, known, used)


def _of(learned: Estimates, queue: str, agent: str, task: Task | None) -> Estimate | None:
    return learned.of(queue, agent=agent, tags=task.tags if task else ())
