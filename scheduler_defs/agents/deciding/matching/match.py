"""Who does what next: one pure function, used by the sensors and by the dry run alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scheduler_defs.agents.deciding.agents import AgentView
from scheduler_defs.agents.deciding.matching.candidates import (
    Assignments,
    Candidate,
    KeptApart,
    Kind,
    Placement,
    Waiting,
)
from scheduler_defs.agents.deciding.matching.eligibility import (
    able_agents,
    nobody_able,
    nobody_free,
    own_reason,
)
from scheduler_defs.agents.deciding.matching.policy import Policy, rank
from scheduler_defs.agents.deciding.matching.reservations import Reservation, Reserved
from scheduler_defs.agents.deciding.matching.shares import Shares

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
    return match_together({"": QueueTasks(tasks, agents, policy, reserved)}, now=now)[""]


@dataclass(frozen=True, slots=True)
class QueueTasks:
    """One queue's tasks and agents. `shares_paths_with`: queues that work in the same repositories."""

    tasks: Iterable[Candidate]
    agents: Sequence[AgentView]
    policy: Policy
    reserved: Sequence[Reservation] = ()
    shares_paths_with: Collection[str] = ()


def match_together(
    queues: Mapping[str, QueueTasks], *, now: dt.datetime, shares: Collection[Shares] = ()
) -> dict[str, Assignments]:
    """The same for queues that share agents, whose slots are counted once.

    The queues have their turn in their order: each takes what is left by those before it. Of agents that are
    in `shares` each slot goes to the queue that is furthest behind its weight, of those that could fill it.
    """
    slots = _Slots.of(agent for queue in queues.values() for agent in queue.agents)
    turns = {name: _Turn(queue, slots, now) for name, queue in queues.items()}
    share_of = {agent: share for share in shares for agent in share.agents}
    going = dict(turns)
    while going:
        takers: dict[str, AgentView] = {}
        for name, turn in list(going.items()):
            taker = turn.taker()
            if taker is None:
                del going[name]
                continue
            takers[name] = taker
            if not share_of:
                break
        if not takers:
            break
        # Agents that nobody else wants first: whoever can do without the shared ones leaves them to others.
        chosen = next(
            (name for name, taker in takers.items() if taker.name not in share_of), next(iter(takers))
        )
        share = share_of.get(takers[chosen].name)
        if share is not None:
            chosen = share.next_of(
                [name for name, taker in takers.items() if share_of.get(taker.name) is share]
            )
            share.give(chosen)
        task = turns[chosen].place()
        for name in queues[chosen].shares_paths_with:
            if name in turns and name != chosen:
                turns[name].paths.add(task)
    return {name: turn.decided() for name, turn in turns.items()}


def demand(agents: Sequence[AgentView], kind: Kind, now: dt.datetime) -> int:
    """The most tasks of this kind that one pass can place: the free slots of the agents able to do them."""
    return sum(agent.free for agent in able_agents(kind, agents) if agent.takes_work(now))


@dataclass(slots=True)
class _Slots:
    """How full the agents are, while they are being filled."""

    loads: dict[str, int]
    left: dict[str, int]
    """How many more runs each bounded quota pool takes."""
    turn: dict[str, int] = field(default_factory=dict[str, int])
    """When each was given work last in this pass."""
    given: int = 0

    @classmethod
    def of(cls, agents: Iterable[AgentView]) -> _Slots:
        found = cls({}, {})
        for agent in agents:
            found.loads[agent.name] = agent.active
            if agent.quota is not None and agent.quota.left is not None:
                found.left[agent.quota.name] = agent.quota.left
        return found

    def is_free(self, agent: AgentView, now: dt.datetime) -> bool:
        return (
            agent.limit > self.loads[agent.name]
            and agent.takes_work(now)
            and (agent.quota is None or self.left.get(agent.quota.name, 1) > 0)
        )

    def give(self, agent: AgentView) -> None:
        self.given += 1
        self.loads[agent.name] += 1
        self.turn[agent.name] = self.given
        if agent.quota is not None and agent.quota.name in self.left:
            self.left[agent.quota.name] -= 1


class _Turn:
    """One queue, while its tasks are given out, the first in rank first."""

    def __init__(self, queue: QueueTasks, slots: _Slots, now: dt.datetime) -> None:
        self.paths = Reserved(queue.reserved)
        self._agents, self._policy, self._now = tuple(queue.agents), queue.policy, now
        self._slots = slots
        self._ordered = sorted(queue.tasks, key=lambda task: rank(task, queue.policy, now))
        self._at = 0
        self._next: tuple[AgentView, int] | None = None
        """Who takes the task that is next, and how many slots had been given when that was said."""
        self._placed: list[Placement] = []
        self._reasons: list[tuple[int, str | Kind]] = []
        self._exhausted: list[int] = []
        self._apart: list[KeptApart] = []
        self._blocked = 0
        self._able: dict[Kind, tuple[AgentView, ...]] = {}
        self._full: set[Kind] = set()
        self._why: dict[Kind, str] = {}

    def taker(self) -> AgentView | None:
        """The agent that gets the first task that can be placed as things stand; None: no task can be.

        Those before it wait: what keeps them does not go away while slots are filled.
        """
        if self._next is not None and self._next[1] == self._slots.given:
            return self._next[0]
        while self._at < len(self._ordered):
            found = self._considered(self._ordered[self._at])
            if found is not None:
                self._next = found, self._slots.given
                return found
            self._at += 1
        return None

    def place(self) -> Candidate:
        """Give the next task to its taker."""
        agent, task = self.taker(), self._ordered[self._at]
        assert agent is not None
        self._slots.give(agent)
        limit = task.max_attempts or agent.max_attempts
        self._placed.append(Placement(task.id, agent.name, task.attempts + 1, limit))
        self.paths.add(task)
        self._at += 1
        return task

    def decided(self) -> Assignments:
        """What became of the queue's tasks, as things stand at the end of the pass."""
        waiting = tuple(
            Waiting(task, reason if isinstance(reason, str) else self._why_not(reason))
            for task, reason in self._reasons
        )
        loads = {agent.name: self._slots.loads[agent.name] for agent in self._agents}
        placed, exhausted, apart = tuple(self._placed), tuple(self._exhausted), tuple(self._apart)
        return Assignments(placed, waiting, self._blocked, exhausted, loads, apart)

    def _considered(self, task: Candidate) -> AgentView | None:
        """Who gets the task; None when it waits, and then the reason is noted."""
        reason: str | Kind | None = own_reason(task, self._policy, self._now)
        if reason is not None:
            self._blocked += self._policy.blocking and (task.blocked or bool(task.cycle))
        elif kept := self.paths.refusal(task.id, task.paths, len(self._placed)):
            self._apart.append(kept)
            reason = kept.reason
        else:
            found = self._agent_for(task)
            if isinstance(found, AgentView):
                return found
            if found is not None:
                self._exhausted.append(task.id)
            reason = found or task.kind
        self._reasons.append((task.id, reason))
        return None

    def _agent_for(self, task: Candidate) -> AgentView | str | None:
        """The agent; or None when no able one is free; or why the task may not be tried again."""
        kind = task.kind
        if kind not in self._able:
            self._able[kind] = able_agents(kind, self._agents)
        able = self._able[kind]
        limit = task.max_attempts or max((agent.max_attempts for agent in able), default=0)
        if able and task.attempts >= limit:
            return f"attempts used up ({task.attempts}/{limit})"
        if kind in self._full:
            return None
        free = [
            agent
            for agent in able
            if self._slots.is_free(agent, self._now)
            and task.attempts < (task.max_attempts or agent.max_attempts)
        ]
        if not free:
            if task.attempts == 0:
                self._full.add(kind)
            return None
        return min(free, key=lambda agent: self._order(agent, task))

    def _why_not(self, kind: Kind) -> str:
        if kind not in self._why:
            able = self._able[kind]
            self._why[kind] = (
                nobody_free(able, self._slots.loads, self._now) if able else nobody_able(kind, self._agents)
            )
        return self._why[kind]

    def _order(self, agent: AgentView, task: Candidate) -> tuple[bool, int, int, dt.datetime, str]:
        has_failed_it = task.attempts > 0 and agent.name == task.last_agent
        slots = self._slots
        free_slots = agent.limit - slots.loads[agent.name]
        turn = slots.turn.get(agent.name, 0)
        return has_failed_it, -free_slots, turn, agent.last_given or _NEVER, agent.name
