"""After a fault: wait until all is well and accounted for, and measure how long that takes."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass

import sqlalchemy as sa

from scheduler_defs.execution.storage_pool import patiently
from scheduler_defs.stack import record
from scheduler_defs.stack.record import State
from tests.chaos.accounting import violations
from tests.chaos.reading import read
from tests.chaos.yard import Yard
from tests.integration.running_stack import until

LOST = sa.text(
    """
    SELECT count(*), max(end_time) FROM runs
    WHERE end_time >= :since AND EXISTS (
        SELECT FROM run_tags WHERE run_tags.run_id = runs.run_id
        AND key = 'signalbox/failure' AND value = 'worker_lost')
    """
)


@dataclass(frozen=True)
class Recovery:
    """Seconds from the fault's end: until all components were healthy, and until everything was accounted for.

    `lost`: runs whose worker was lost; `noticed_seconds`: from the fault's begin until the last of them had
    been failed for it.
    """

    healthy_seconds: float
    accounted_seconds: float
    lost: int
    noticed_seconds: float | None


def recover(yard: Yard, since: float, *, deadline_seconds: float = 240) -> Recovery:
    """Wait until nothing is wrong; fails with all that is, after the deadline.

    `since`: when the fault began (seconds since 1970).
    """
    ended, moment = time.monotonic(), dt.datetime.now(dt.UTC)
    until(lambda: healthy(yard), "all components healthy", 90)
    healthy_seconds = time.monotonic() - ended
    while found := violations(patiently(lambda: read(yard, moment), patience=60)):
        assert time.monotonic() - ended < deadline_seconds, "\n".join(
            [f"after {deadline_seconds} s {len(found)} things are wrong:", *found]
        )
        time.sleep(1)
    accounted_seconds = time.monotonic() - ended
    with yard.database() as connection:
        lost, last = connection.execute(LOST, {"since": since}).one()
    return Recovery(healthy_seconds, accounted_seconds, lost, last - since if last else None)


def healthy(yard: Yard) -> bool:
    """Whether every component answers, as the supervisor last saw it."""
    found = record.read(yard.stack.state)
    return found is not None and all(item.state is State.HEALTHY for item in found.components)
