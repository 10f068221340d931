"""Runs that wait for somebody who does not come: queues that no worker serves, and messages nobody takes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

TAKEN_BY_NOBODY = 3
"""Sent out so often and taken by no worker: that is no bad luck any more."""

# The queues that waiting runs name by their tag, with how many wait in each.
QUEUES_OF_RUNS = """
    SELECT tag.value, count(*) FROM runs JOIN run_tags AS tag
        ON tag.run_id = runs.run_id AND tag.key = 'dagster-celery/queue'
    WHERE runs.status IN ('QUEUED', 'STARTING') GROUP BY tag.value ORDER BY tag.value
"""
# Waiting runs that came back from the broker again and again.
COME_BACK = """
    SELECT runs.run_id, count(*) FROM (
        SELECT run_id FROM runs WHERE status IN ('QUEUED', 'STARTING') ORDER BY id LIMIT 200
    ) AS runs JOIN event_logs USING (run_id)
    WHERE event_logs.dagster_event_type = 'ENGINE_EVENT'
      AND event_logs.event LIKE '%%Back in the queue: no worker took it%%'
    GROUP BY runs.run_id HAVING count(*) >= %s ORDER BY 2 DESC LIMIT 5
"""


@dataclass(frozen=True)
class Waiting:
    """Runs by the queue that their tag names, and how often single runs have come back."""

    by_queue: dict[str, int]
    come_back: dict[str, int]


def read(url: str) -> Waiting:
    """Raises what the database raises."""
    from scheduler_defs.stack.health.checks import rows

    return Waiting(dict(rows(url, QUEUES_OF_RUNS)), dict(rows(url, COME_BACK, (TAKEN_BY_NOBODY,))))


def waiting_problems(found: Waiting, served: Collection[str], declared: Collection[str]) -> list[str]:
    """One line for each queue that only tags name and nobody serves, and for each run that nobody takes."""
    lines = [
        f"queue {name}: no worker serves it; {count} run{'s wait' if count != 1 else ' waits'}"
        for name, count in found.by_queue.items()
        if name not in served and name not in declared
    ]
    lines += [
        f"run {run_id}: sent out {count} times, and no worker took it"
        for run_id, count in found.come_back.items()
    ]
    return lines
