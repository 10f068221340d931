"""How a backlog is expected to go: matching, played forward with the times that tasks usually take. Pure."""

from __future__ import annotations

import datetime as dt
import heapq
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scheduler_defs.agents.deciding.agents import AgentView
from scheduler_defs.agents.deciding.matching.candidates import Candidate
from scheduler_defs.agents.deciding.matching.match import QueueTasks, match_together
from scheduler_defs.agents.deciding.matching.policy import Policy
from scheduler_defs.agents.deciding.matching.reservations import Reservation
from scheduler_defs.agents.deciding.matching.shares import Shares

Agents = Callable[[str, Mapping[str, int], dt.datetime], Sequence[AgentView]]
"""(queue, loads, now) -> its agents then: whether they take work, and when they do again."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a queue, and how it is ordered. `shares_paths_with`: queues of the same repositories."""

    tasks: Sequence[Candidate]
    policy: Policy
    shares_paths_with: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """A task that is expected to be worked on; `already`: it is."""

    task: int
    queue: str
    agent: str
    start: dt.datetime
    end: dt.datetime
    paths: tuple[str, ...] = ()
    already: bool = False


@dataclass(slots=True)
class _Play:
    queues: Mapping[str, Backlog]
    agents: Agents
    takes: Callable[[str, str, Candidate], dt.timedelta]
    shares: Collection[Shares]
    left: dict[int, tuple[str, Candidate]]
    going: list[tuple[dt.datetime, int, Expected]]
    done: set[int] = field(default_factory=set[int])

    def start(self, now: dt.datetime) -> list[Expected]:
        """What begins now."""
        loads = Counter(each.agent for _, _, each in self.going)
        asked = {name: self._asked(name, backlog, loads, now) for name, backlog in self.queues.items()}
        begun: list[Expected] = []
        for name, decided in match_together(asked, now=now, shares=self.shares).items():
            for placed in decided.placed:
                _, task = self.left.pop(placed.task)
                end = now + self.takes(name, placed.agent, task)
                begun.append(Expected(task.id, name, placed.agent, now, end, task.paths))
        for each in begun:
            heapq.heappush(self.going, (each.end, each.task, each))
        return begun

    def _asked(self, name: str, backlog: Backlog, loads: Mapping[str, int], now: dt.datetime) -> QueueTasks:
        near = {name, *backlog.shares_paths_with}
        return QueueTasks(
            [self._as_it_is(task) for queue, task in self.left.values() if queue == name],
            self.agents(name, loads, now),
            backlog.policy,
            [
                Reservation(each.task, each.paths)
                for _, _, each in self.going
                if each.paths and each.queue in near
            ],
            backlog.shares_paths_with,
        )

    def _as_it_is(self, task: Candidate) -> Candidate:
        if not task.blocked:
            return task
        waits = tuple(each for each in task.blockers if each.id not in self.done)
        return replace(task, blockers=waits, blocked=bool(waits))

    def next(self, now: dt.datetime) -> dt.datetime | None:
        """When something is different: a task ends, or may begin, an agent takes work again."""
        moments = [self.going[0][0]] if self.going else []
        moments += [task.not_before for _, task in self.left.values() if task.not_before is not None]
        for name in self.queues:
            for agent in self.agents(name, {}, now):
                opens = None if agent.quota is None else agent.quota.until
                moments += [
                    each
                    for each in (agent.opens, agent.passed_over_until, agent.mode_ends, opens)
                    if each is not None
                ]
        return min((each for each in moments if each > now), default=None)


def play(
    queues: Mapping[str, Backlog],
    working: Sequence[Expected],
    agents: Agents,
    takes: Callable[[str, str, Candidate], dt.timedelta],
    *,
    now: dt.datetime,
    until: dt.datetime,
    shares: Collection[Shares] = (),
) -> list[Expected]:
    """All that is worked on until then, by start: `working` first, then what begins.

    Every attempt is taken to go well, and nothing new to come. A task that is missing does not begin by
    `until`: it waits for something that nobody knows the end of, or there is no room.
    """
    left = {task.id: (name, task) for name, backlog in queues.items() for task in backlog.tasks}
    state = _Play(queues, agents, takes, shares, left, [])
    for each in working:
        heapq.heappush(state.going, (max(each.end, now), each.task, each))
    found, at = list(working), now
    while at < until:
        while state.going and state.going[0][0] <= at:
            state.done.add(heapq.heappop(state.going)[1])
        found += state.start(at)
        following = state.next(at) if state.left else None
        if following is None:
            break
        at = following
    return found
