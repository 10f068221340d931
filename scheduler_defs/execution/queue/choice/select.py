"""Which queued runs go out now, and why the others wait: one pure function.

Order: a run's priority is worth waiting time. With an ageing of one minute, a run of priority 0 that has
waited three minutes stands beside a newcomer of priority 3. So the order of any two runs never changes while
they wait, newcomers of priority P can overtake a run of priority p only during its first (P - p) x ageing,
and no run starves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

from scheduler_defs import tags
from scheduler_defs.execution.admission.values import priority_of
from scheduler_defs.execution.queue.capacity import RUN_QUEUE, LiveWorker, Slots
from scheduler_defs.limits import TagLimit

AGEING = timedelta(minutes=1)
"""How much waiting equals one point of priority, unless dagster.yaml says otherwise."""


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """A run that waits. `order` is its storage id, `created` is in seconds since the epoch."""

    run_id: str
    order: int
    created: float
    tags: Mapping[str, str]
    pools: Any = None
    """What Dagster's pools need to know of the run; None when it uses no pool."""
    queue: str = field(init=False)
    priority: int = field(init=False)
    """`dagster/priority`, larger is sooner; 0 when absent or not a number, as in Dagster, or too large."""
    kind: frozenset[tuple[str, str]] = field(init=False, repr=False)
    """Runs of one kind go to the same queue and are counted by the same limits."""

    def __post_init__(self) -> None:
        # Once per run, and not once per look at the queue: there are many looks.
        kind = frozenset(item for item in self.tags.items() if item[0] != tags.PRIORITY)
        object.__setattr__(self, "priority", priority_of(self.tags))
        object.__setattr__(self, "queue", self.tags.get(tags.CELERY_QUEUE, RUN_QUEUE))
        object.__setattr__(self, "kind", kind)


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run that is out. `worker` holds its lease; without one it may be `on_its_way` to a slot.

    It is neither when its worker is lost, or when it is being cancelled before a worker had it.
    """

    run_id: str
    tags: Mapping[str, str]
    worker: str | None = None
    pools: Any = None
    on_its_way: bool = False

    @property
    def queue(self) -> str:
        return self.tags.get(tags.CELERY_QUEUE, RUN_QUEUE)


class Reason(StrEnum):
    """What a queued run waits for."""

    LIMIT = "limit"
    """As many active runs as a limit allows carry one of its tags."""
    NO_WORKER = "no_worker"
    """No live worker serves its Celery queue."""
    NO_SLOT = "no_slot"
    """All slots of the workers that serve its Celery queue are taken."""
    POOL = "pool"
    """A Dagster concurrency pool that it needs is full."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why one run waits, with the limits that hold it back when those are the reason."""

    reason: Reason
    queue: str
    limits: tuple[TagLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The runs to launch, in order, and the queued runs that must wait, each with its reason."""

    picks: tuple[QueuedRun, ...]
    waiting: Mapping[str, Wait]


class Pools(Protocol):
    """Dagster's op concurrency, as far as it decides about dequeueing."""

    def blocks(self, run: QueuedRun) -> bool: ...

    def take(self, run: QueuedRun) -> None: ...


class NoPools:
    """Nothing is pooled."""

    def blocks(self, run: QueuedRun) -> bool:
        del run
        return False

    def take(self, run: QueuedRun) -> None:
        del run


class LimitCounts:
    """Active runs per limit, indexed so that a run only meets the limits of its own tags."""

    def __init__(self, limits: Iterable[TagLimit]) -> None:
        self._by_key: dict[str, list[TagLimit]] = defaultdict(list)
        self._by_value: dict[tuple[str, str], list[TagLimit]] = defaultdict(list)
        self._in_use: Counter[tuple[TagLimit, str | None]] = Counter()
        for limit in dict.fromkeys(limits):
            if limit.value is not None and not limit.per_value:
                self._by_value[limit.key, limit.value].append(limit)
            else:
                self._by_key[limit.key].append(limit)

    def matching(self, run_tags: Mapping[str, str]) -> list[tuple[TagLimit, str | None]]:
        """The limits that count a run with these tags, each with the tag value it is counted under.

        That value is None for a limit that counts all values of its key together.
        """
        found: list[tuple[TagLimit, str | None]] = []
        for key, value in run_tags.items():
            if key in self._by_key:
                found += [(limit, value if limit.per_value else None) for limit in self._by_key[key]]
            if (key, value) in self._by_value:
                found += [(limit, value) for limit in self._by_value[key, value]]
        return found

    def add(self, run_tags: Mapping[str, str]) -> None:
        """Count one more active run."""
        self._in_use.update(self.matching(run_tags))

    def full(self, run_tags: Mapping[str, str]) -> tuple[TagLimit, ...]:
        """The limits that one more such run would exceed."""
        return tuple(
            limit for limit, value in self.matching(run_tags) if self._in_use[limit, value] >= limit.limit
        )

    def in_use(self, limit: TagLimit, value: str | None) -> int:
        """Active runs that the limit counts under this tag value."""
        return self._in_use[limit, value]


def select(
    queued: Sequence[QueuedRun],
    active: Sequence[ActiveRun],
    limits: Sequence[TagLimit],
    workers: Sequence[LiveWorker],
    *,
    ageing: timedelta = AGEING,
    pools: Pools | None = None,
    explain: bool = True,
) -> Selection:
    """Let out every run that no limit, no missing slot and no pool holds back, best first.

    A run that must wait does not stop those behind it. Nothing is let out beyond a limit or beyond the
    slots of live workers; and when it returns, no waiting run could be let out in addition.
    With `explain` False it stops looking when every slot is taken, and leaves the rest without a reason.
    """
    gate = NoPools() if pools is None else pools
    counts = LimitCounts(limits)
    slots = Slots(workers)
    for run in active:
        counts.add(run.tags)
        if run.worker is not None:
            slots.hold(run.worker)
    for run in active:
        if run.worker is None and run.on_its_way:
            slots.take(run.queue)

    picks: list[QueuedRun] = []
    waiting: dict[str, Wait] = {}
    # A limit that is full and a slot that is taken stay so: what holds one run back holds its whole kind.
    kinds_that_wait: dict[frozenset[tuple[str, str]], Wait] = {}
    for run in in_order(queued, ageing):
        if not explain and slots.exhausted:
            break
        wait = kinds_that_wait.get(run.kind) or _why_it_waits(run, counts, slots, gate)
        if wait is None:
            counts.add(run.tags)
            gate.take(run)
            picks.append(run)
            continue
        waiting[run.run_id] = wait
        if wait.reason is not Reason.POOL:
            kinds_that_wait[run.kind] = wait
    return Selection(tuple(picks), waiting)


def _why_it_waits(run: QueuedRun, counts: LimitCounts, slots: Slots, gate: Pools) -> Wait | None:
    """None when nothing holds it back; then a slot has been taken for it."""
    if not slots.serves(run.queue):
        return Wait(Reason.NO_WORKER, run.queue)
    if full := counts.full(run.tags):
        return Wait(Reason.LIMIT, run.queue, full)
    if gate.blocks(run):
        return Wait(Reason.POOL, run.queue)
    if not slots.take(run.queue):
        return Wait(Reason.NO_SLOT, run.queue)
    return None


def in_order(queued: Iterable[QueuedRun], ageing: timedelta = AGEING) -> list[QueuedRun]:
    """Best first: the earliest creation, moved back by `ageing` per point of priority; then first come.

    Without ageing (zero), priority alone decides, and a low one may wait for ever.
    """
    point = ageing.total_seconds()
    if not point:
        return sorted(queued, key=lambda run: (-run.priority, run.order))
    return sorted(queued, key=lambda run: (run.created - run.priority * point, run.order))
