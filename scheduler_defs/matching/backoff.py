"""How long a task waits after a failed attempt."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from scheduler_defs.matching.settling import Ending


@dataclass(frozen=True, slots=True)
class Backoff:
    """`base` before the second attempt, times `factor` before each further one, at most `cap`.

    With `jitter` the wait is shortened by up to half, differently for each task and attempt, but always by
    the same for the same. `retry_on` names endings and exit codes after which there is another attempt;
    empty: after any.
    """

    base: dt.timedelta = dt.timedelta(seconds=60)
    factor: int = 2
    cap: dt.timedelta = dt.timedelta(hours=1)
    jitter: bool = False
    retry_on: tuple[str | int, ...] = ()


def wait_after(
    backoff: Backoff, attempt: int, ending: Ending, *, exit_code: int | None = None, seed: str = ""
) -> dt.timedelta | None:
    """The wait after attempt number `attempt` (from 1) has ended so; None: there is to be no other."""
    known = {ending.value, exit_code}
    if ending is Ending.START_FAILED:
        known.add(Ending.ERROR.value)
    if backoff.retry_on and not known & set(backoff.retry_on):
        return None
    # Beyond 2^32 of anything the cap has long been reached, and timedelta would overflow.
    wait = min(backoff.cap, backoff.base * min(backoff.factor ** min(attempt - 1, 32), 2**20))
    if backoff.jitter:
        digest = hashlib.sha256(f"{seed}:{attempt}".encode()).digest()
        wait *= 1 - int.from_bytes(digest[:4], "big") / 2**33
    return wait
