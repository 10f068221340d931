"""The state of every limit: how much of it is used, and how many queued runs wait behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from scheduler_defs import tags
from scheduler_defs.execution.queue.capacity import LiveWorker, Slots
from scheduler_defs.execution.queue.choice.read import OutRun, QueueState
from scheduler_defs.execution.queue.choice.select import AGEING, LimitCounts, Reason, select
from scheduler_defs.limits import TagLimit

ALL_VALUES = "*"
"""Shown as the value of a limit per value that no run carries at the moment."""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One row: `in_use` active runs of at most `limit`; `waiting` queued runs that it holds back.

    `value` None: all values of the key together. The slots of live workers are shown as limits, too, one per
    Celery queue; their source says which workers those are.
    """

    key: str
    value: str | None
    limit: int
    source: str
    in_use: int
    waiting: int


def limit_use(state: QueueState, limits: Sequence[TagLimit], *, ageing: timedelta = AGEING) -> list[LimitUse]:
    """Every limit in the order of the declarations, one per value once per value in use; then the slots."""
    selection = select(state.queued, state.active, limits, state.workers, ageing=ageing)
    counts = LimitCounts(limits)
    behind: Counter[tuple[TagLimit, str | None]] = Counter()
    seen: dict[tuple[TagLimit, str | None], None] = {}
    for run in state.active:
        counts.add(run.tags)
        seen.update(dict.fromkeys(counts.matching(run.tags)))
    for run in state.queued:
        matching = counts.matching(run.tags)
        seen.update(dict.fromkeys(matching))
        if (wait := selection.waiting.get(run.run_id)) is not None:
            behind.update(pair for pair in matching if pair[0] in wait.limits)
    rows: list[LimitUse] = []
    for limit in dict.fromkeys(limits):
        if limit.per_value:
            values = [value for found, value in seen if found is limit or found == limit]
        else:
            values = [limit.value]
        rows += [
            LimitUse(
                limit.key,
                value,
                limit.limit,
                limit.source,
                counts.in_use(limit, value),
                behind[limit, value],
            )
            for value in values
        ] or [LimitUse(limit.key, ALL_VALUES, limit.limit, limit.source, 0, 0)]
    waiting = Counter(
        wait.queue for wait in selection.waiting.values() if wait.reason in (Reason.NO_WORKER, Reason.NO_SLOT)
    )
    return [*rows, *_slots(state, waiting)]


def why_waiting(
    state: QueueState, limits: Sequence[TagLimit], run_id: str, *, ageing: timedelta = AGEING
) -> str | None:
    """What a queued run waits for, in words; None when nothing keeps it."""
    wait = select(state.queued, state.active, limits, state.workers, ageing=ageing).waiting.get(run_id)
    if wait is None:
        return None
    match wait.reason:
        case Reason.LIMIT:
            said = ", ".join(
                f"{limit.limit} of {limit.key}={limit.value or 'one value'} ({limit.source})"
                for limit in wait.limits
            )
            return f"a limit is used up: {said}"
        case Reason.NO_WORKER:
            return f"no live worker serves the queue {wait.queue!r}"
        case Reason.NO_SLOT:
            slots = Slots(state.workers).total(wait.queue)
            return f"all {slots} slots of the workers that serve the queue {wait.queue!r} are taken"
        case Reason.POOL:
            return "a Dagster concurrency pool that it needs is full"


def _slots(state: QueueState, waiting: Counter[str]) -> list[LimitUse]:
    slots = Slots(state.workers)
    out = Counter(run.queue for run in state.active if _is_run(run))
    served = {queue for worker in state.workers for queue in worker.queues}
    return [
        LimitUse(
            tags.CELERY_QUEUE,
            queue,
            slots.total(queue),
            _workers_of(queue, state.workers),
            out[queue],
            waiting[queue],
        )
        for queue in sorted(served | waiting.keys() | out.keys())
    ]


def _is_run(run: OutRun) -> bool:
    return run.status not in ("ENDED", "STEP")


def _workers_of(queue: str, workers: Sequence[LiveWorker]) -> str:
    names = sorted(worker.id for worker in workers if queue in worker.queues)
    return "slots of " + ", ".join(names) if names else "no live worker serves it"
