"""Who does what next: one pure function, used by the sensors and by the dry run alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scheduler_defs.agents.deciding.agents import AgentView
from scheduler_defs.agents.deciding.candidates import (
    Assignments,
    Candidate,
    KeptApart,
    Kind,
    Placement,
    Waiting,
)
from scheduler_defs.agents.deciding.eligibility import able_agents, nobody_able, nobody_free, own_reason
from scheduler_defs.agents.deciding.policy import Policy, rank
from scheduler_defs.agents.deciding.reservations import Reservation, Reserved

_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


def match(
    tasks: Iterable[Candidate],
    agents: Sequence[AgentView],
    *,
    now: dt.datetime,
    policy: Policy,
    reserved: Sequence[Reservation] = (),
) -> Assignments:
    """Give idle tasks to the free slots of one queue's agents; say of every other task why it waits.

    Tasks are considered in the order of `rank`, those that people have assigned and the others alike. A task
    goes to the agent, of those able to do it, with the most free slots; ties go to the one that was given
    work least recently, then to the smaller name. An agent that has just failed the task is taken only when
    no other is free. A task is placed whenever an able agent has a slot left: none stays idle beside it,
    unless its paths overlap those of a task that is worked on (`reserved`) or placed before it.

    The outcome for a task does not depend on tasks that rank after it. So a window of the queue that holds,
    for each kind of task, as many of the first as `demand` says, gives the same placements as the whole
    queue; of those that are kept apart `reservations.hidden` says when to look for more.
    """
    pool, paths = _Pool(tuple(agents), now), Reserved(reserved)
    ordered = sorted(tasks, key=lambda task: rank(task, policy, now))
    placed: list[Placement] = []
    reasons: list[tuple[int, str | Kind]] = []
    exhausted: list[int] = []
    apart: list[KeptApart] = []
    blocked = 0
    for task in ordered:
        reason = own_reason(task, policy, now)
        if reason is not None:
            blocked += policy.blocking and (task.blocked or bool(task.cycle))
            reasons.append((task.id, reason))
            continue
        kept = paths.refusal(task.id, task.paths, len(placed))
        if kept is not None:
            apart.append(kept)
            reasons.append((task.id, kept.reason))
            continue
        given = pool.give(task)
        if isinstance(given, Placement):
            placed.append(given)
            paths.add(task)
        elif given is None:
            reasons.append((task.id, task.kind))
        else:
            exhausted.append(task.id)
            reasons.append((task.id, given))
    waiting = tuple(
        Waiting(task, reason if isinstance(reason, str) else pool.why_not(reason)) for task, reason in reasons
    )
    return Assignments(tuple(placed), waiting, blocked, tuple(exhausted), dict(pool.loads), tuple(apart))


def demand(agents: Sequence[AgentView], kind: Kind, now: dt.datetime) -> int:
    """The most tasks of this kind that one pass can place: the free slots of the agents able to do them."""
    return sum(agent.free for agent in able_agents(kind, agents) if agent.takes_work(now))


@dataclass(slots=True)
class _Pool:
    """The agents and their slots, while they are being filled."""

    agents: tuple[AgentView, ...]
    now: dt.datetime
    loads: dict[str, int] = field(init=False)
    _turn: dict[str, int] = field(init=False)
    _turns: int = 0
    _left: dict[str, int] = field(default_factory=dict[str, int])
    """How many more runs each bounded quota pool takes."""
    _able: dict[Kind, tuple[AgentView, ...]] = field(default_factory=dict[Kind, tuple[AgentView, ...]])
    _full: set[Kind] = field(default_factory=set[Kind])
    _why: dict[Kind, str] = field(default_factory=dict[Kind, str])

    def __post_init__(self) -> None:
        self.loads = {agent.name: agent.active for agent in self.agents}
        self._turn = {agent.name: 0 for agent in self.agents}
        for quota in [agent.quota for agent in self.agents if agent.quota is not None]:
            if quota.left is not None:
                self._left[quota.name] = quota.left

    def able(self, kind: Kind) -> tuple[AgentView, ...]:
        """The agents for this kind of task, those that take no work now included."""
        if kind not in self._able:
            self._able[kind] = able_agents(kind, self.agents)
        return self._able[kind]

    def give(self, task: Candidate) -> Placement | str | None:
        """Place the task; or None when no able agent is free; or why it may not be tried again."""
        kind = task.kind
        able = self.able(kind)
        limit = task.max_attempts or max((agent.max_attempts for agent in able), default=0)
        if able and task.attempts >= limit:
            return f"attempts used up ({task.attempts}/{limit})"
        if kind in self._full:
            return None
        free = [
            agent
            for agent in able
            if agent.limit > self.loads[agent.name]
            and agent.takes_work(self.now)
            and (agent.quota is None or self._left.get(agent.quota.name, 1) > 0)
            and task.attempts < (task.max_attempts or agent.max_attempts)
        ]
        if not free:
            if task.attempts == 0:
                self._full.add(kind)
            return None
        best = min(free, key=lambda agent: self._order(agent, task))
        self.loads[best.name] += 1
        if best.quota is not None and best.quota.name in self._left:
            self._left[best.quota.name] -= 1
        self._turns += 1
        self._turn[best.name] = self._turns
        return Placement(task.id, best.name, task.attempts + 1, task.max_attempts or best.max_attempts)

    def why_not(self, kind: Kind) -> str:
        """Why tasks of this kind wait, as things stand at the end of the pass."""
        if kind not in self._why:
            able = self.able(kind)
            self._why[kind] = (
                nobody_free(able, self.loads, self.now) if able else nobody_able(kind, self.agents)
            )
        return self._why[kind]

    def _order(self, agent: AgentView, task: Candidate) -> tuple[bool, int, int, dt.datetime, str]:
        has_failed_it = task.attempts > 0 and agent.name == task.last_agent
        free_slots = agent.limit - self.loads[agent.name]
        return has_failed_it, -free_slots, self._turn[agent.name], agent.last_given or _NEVER, agent.name
