"""Queues that share agents: who has the first choice, and what is left for the next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from scheduler_defs.agents.deciding import AgentView, Assignments, Candidate, Waiting
from scheduler_defs.agents.deciding.matching.match import QueueTasks, match_together
from scheduler_defs.agents.deciding.matching.reservations import Reservation
from scheduler_defs.agents.deciding.matching.shares import Shares, window
from scheduler_defs.agents.deciding.quotas import PoolState
from scheduler_defs.agents.pool import agent_states, assignments
from scheduler_defs.agents.pool.agent_states import AgentState
from scheduler_defs.agents.pool.assignments import Assignment, Reserving
from scheduler_defs.agents.pool.views import agent_view, budgets_of, policy_of, pool, quota_of
from scheduler_defs.agents.quotas import store as quota_pools
from scheduler_defs.declarations.models.declared import Agent, Declarations

_UNKNOWN = AgentState()


@dataclass(frozen=True)
class Standing:
    """What counts when a queue's turn comes: the live assignments, the agents' loads and states."""

    declarations: Declarations
    live: tuple[Assignment, ...]
    loads: Mapping[str, int]
    states: Mapping[str, AgentState]
    quotas: Mapping[str, PoolState]
    budgets: Mapping[tuple[str, str], str]
    """Which agents have reached one, for which queue, in words."""
    reserving: tuple[Reserving, ...] = ()
    """Tasks that have paths for themselves."""

    @classmethod
    def read(
        cls,
        connection: sa.Connection,
        declarations: Declarations,
        live: Iterable[Assignment],
        now: dt.datetime,
    ) -> Standing:
        """As things stand at `now`, with `live` as the assignments that count."""
        kept = tuple(live)
        quotas = quota_pools.states(connection, declarations.quotas, declarations.agents, now)
        reached = budgets_of(declarations).closed(connection, now)
        counted = {each.task_id for each in kept}
        paths = [
            each
            for each in assignments.reserving(connection, declarations.task_queue.backend)
            if each.landing or each.task_id in counted
        ]
        return cls.of(declarations, kept, agent_states.states(connection), quotas, reached, paths)

    @classmethod
    def of(
        cls,
        declarations: Declarations,
        live: Iterable[Assignment],
        states: Mapping[str, AgentState],
        quotas: Mapping[str, PoolState],
        budgets: Mapping[tuple[str, str], str],
        reserving: Iterable[Reserving] = (),
    ) -> Standing:
        """As they are said to stand."""
        kept = tuple(live)
        return cls(declarations, kept, assignments.loads(kept), states, quotas, budgets, tuple(reserving))

    def agents(self, queue: str, now: dt.datetime) -> list[AgentView]:
        """The queue's agents."""
        return pool(
            self.declarations,
            queue,
            loads=self.loads,
            states=self.states,
            now=now,
            quotas=self.quotas,
            budgets=self.budgets,
        )

    def unwanted(self, among: Iterable[Assignment], now: dt.datetime) -> list[Assignment]:
        """Requests that no run has begun, whose agent takes no work any more: paused, drained, switched off,
        outside its hours, passed over, over its budget. Somebody else may have the task."""
        return [each for each in among if each.claimed_at is None and not self._takes_work(each, now)]

    def without(self, run_keys: Collection[str]) -> Standing:
        """The same when these assignments are given back."""
        gone = {each.task_id for each in self.live if each.run_key in run_keys}
        return Standing.of(
            self.declarations,
            [each for each in self.live if each.run_key not in run_keys],
            self.states,
            self.quotas,
            self.budgets,
            [each for each in self.reserving if each.task_id not in gone],
        )

    def reserved(self, queue: str) -> list[Reservation]:
        """What its tasks may not have: paths taken in one of its repositories, or in the queue itself."""
        shared = sharing_repositories(self.declarations, queue)
        return [Reservation(each.task_id, each.paths) for each in self.reserving if each.queue in shared]

    def _takes_work(self, given: Assignment, now: dt.datetime) -> bool:
        name = given.agent
        agent = self.declarations.agents.get(name)
        if agent is None:
            return False
        state, quota = self.states.get(name, _UNKNOWN), self.quotas.get(quota_of(agent))
        reached = self.budgets.get((name, given.queue), "")
        return agent_view(agent, load=0, state=state, now=now, quota=quota, budget=reached).takes_work(now)


def competing(declarations: Declarations, queue: str, stopped: Collection[str] = ()) -> list[str]:
    """The queues that are decided together with this one, itself included, in the order of their turns.

    Those that compete for the same agents and are named before it; or all of them, when they have weights.
    Agents tie queues together, also through a third: qx and qz when one agent serves qx and qy, another qy
    and qz. Queues in `stopped` make no passes.
    """
    tied, known = {queue}, set[str]()
    while tied != known:
        known = set(tied)
        for agent in declarations.agents.values():
            if tied.intersection(agent.queues):
                tied.update(agent.queues)
    order = [name for name in declarations.served_queues if name in tied]
    if queue not in order:
        return [queue]
    if not is_weighted(declarations, order):
        order = order[: order.index(queue) + 1]
    return [name for name in order if name == queue or name not in stopped]


def is_weighted(declarations: Declarations, queues: Iterable[str]) -> bool:
    """Whether any of the queues declares a weight; then those that do not have 1."""
    return any(declarations.task_queue.for_queue(name).weight is not None for name in queues)


def shares_of(connection: sa.Connection, declarations: Declarations, queues: Collection[str]) -> list[Shares]:
    """How agents that serve several of the queues divide their slots; empty when none has a weight."""
    if not is_weighted(declarations, queues):
        return []
    groups: dict[tuple[str, ...], list[Agent]] = {}
    for agent in declarations.agents.values():
        own = tuple(name for name in queues if name in agent.queues)
        if len(own) > 1 and not agent.pull:
            groups.setdefault(own, []).append(agent)
    found: list[Shares] = []
    for own, agents in groups.items():
        weights = {name: declarations.task_queue.for_queue(name).weight or 1 for name in own}
        names, slots = [agent.name for agent in agents], sum(agent.limit for agent in agents)
        recent = assignments.recent(
            connection,
            declarations.task_queue.backend,
            agents=names,
            queues=own,
            limit=window(sum(weights.values()), slots),
        )
        found.append(Shares(names, weights, slots, recent))
    return found


def sharing_repositories(declarations: Declarations, queue: str) -> set[str]:
    """The queue, and those whose agents work in one of the repositories that its agents work in."""
    repositories: dict[str, set[str]] = {}
    for agent in declarations.agents.values():
        if agent.workspace is not None:
            for name in agent.queues:
                repositories.setdefault(name, set()).add(agent.workspace.repository)
    own = repositories.get(queue, set())
    return {queue, *(name for name, found in repositories.items() if found & own)}


def decide_together(
    standing: Standing,
    candidates: Mapping[str, Sequence[Candidate]],
    now: dt.datetime,
    shares: Collection[Shares] = (),
) -> dict[str, Assignments]:
    """Matching's answer for queues that have their turn one after the other, or by their shares; of tasks
    that are given out already it says to whom."""
    taken = {assignment.task_id: assignment.agent for assignment in standing.live}
    free = {
        queue: [candidate for candidate in found if candidate.id not in taken]
        for queue, found in candidates.items()
    }
    asked = {queue: queue_tasks(standing, queue, found, now) for queue, found in free.items()}
    decided = match_together(asked, now=now, shares=shares)
    return {
        queue: replace(answer, waiting=answer.waiting + _given_out(candidates[queue], taken))
        for queue, answer in decided.items()
    }


def queue_tasks(
    standing: Standing, queue: str, candidates: Iterable[Candidate], now: dt.datetime
) -> QueueTasks:
    """What matching is told of a queue."""
    declarations = standing.declarations
    return QueueTasks(
        tuple(candidates),
        standing.agents(queue, now),
        policy_of(declarations.task_queue.for_queue(queue)),
        standing.reserved(queue),
        sharing_repositories(declarations, queue),
    )


def _given_out(candidates: Iterable[Candidate], taken: Mapping[int, str]) -> tuple[Waiting, ...]:
    return tuple(
        Waiting(candidate.id, f"run in progress for {taken[candidate.id]}")
        for candidate in candidates
        if candidate.id in taken
    )
