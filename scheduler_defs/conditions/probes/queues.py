"""The queues of agent tasks, whatever backend holds them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from scheduler_defs.conditions.registry import Look, probe

if TYPE_CHECKING:
    from scheduler_defs.agents.task_queue.models import QueueCounts


@probe("queue.depth", argument="queue", kind="number")
def queue_depth(queue: str, look: Look) -> int:
    """Tasks that are still to be started: ready, blocked, or held until a time."""
    counts = _counts(queue)
    return counts.idle if counts else 0


@probe("queue.oldest_age", argument="queue", kind="duration")
def queue_oldest_age(queue: str, look: Look) -> dt.timedelta | None:
    """Time since the oldest task that is still to be started was added; nothing when there is none."""
    counts = _counts(queue)
    return look.now - counts.oldest if counts and counts.oldest else None


def _counts(queue: str) -> QueueCounts | None:
    from scheduler_defs.agents.task_queue.opening import open_task_queue
    from scheduler_defs.declarations import current
    from scheduler_defs.settings import settings

    place = settings()
    declarations = current(place.config, place.state).declarations
    return open_task_queue(declarations.task_queue).counts().get(queue)
