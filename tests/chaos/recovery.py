"""After a fault: wait until all is well and accounted for, and measure how long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from scheduler_defs.execution.storage.pool import patiently
from scheduler_defs.stack.machine import record
from scheduler_defs.stack.machine.record import State
from tests.chaos.accounting import Kind, by_kind
from tests.chaos.reading import Since, read
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


class StillWrong(AssertionError):
    """After the deadline there are violations."""

    def __init__(self, seconds: float, found: Mapping[Kind, list[str]]) -> None:
        lines = [line for each in found.values() for line in each]
        super().__init__("\n".join([f"after {seconds} s {len(lines)} things are wrong:", *lines]))
        self.found = found


def recover(
    yard: Yard,
    since: float,
    *,
    deadline_seconds: float = 240,
    noticed: Callable[[Yard], bool] = lambda _: True,
    after: Since | None = None,
    pause_seconds: float = 1,
) -> Recovery:
    """Wait until nothing is wrong; raises StillWrong, with all that is, after the deadline.

    `since`: when the fault began (seconds since 1970, by the stack's clock). `noticed`: whether the
    supervisor knows of the fault; before that, what it says is of the time before. `after`: count only this.
    """
    ended, moment = time.monotonic(), yard.now()
    until(lambda: noticed(yard) and healthy(yard), "all components healthy", 150)
    healthy_seconds = time.monotonic() - ended
    while True:
        found = by_kind(patiently(lambda: read(yard, moment, after), patience=60))
        if not any(found.values()):
            break
        if time.monotonic() - ended > deadline_seconds:
            raise StillWrong(deadline_seconds, found)
        time.sleep(pause_seconds)
    accounted_seconds = time.monotonic() - ended
    with yard.database() as connection:
        lost, last = connection.execute(LOST, {"since": since}).one()
    return Recovery(healthy_seconds, accounted_seconds, lost, last - since if last else None)


def healthy(yard: Yard) -> bool:
    """Whether every component answers, as the supervisor last saw it."""
    found = record.read(yard.stack.state)
    return found is not None and all(item.state is State.HEALTHY for item in found.components)
