"""The clock of leases, graces and time-outs: it goes on while the machine sleeps, and nobody sets it.

The wall clock jumps when it is set, and the monotonic clock of Linux stands still while a laptop or a virtual
machine is suspended: by either, a lease could be over elsewhere and not here.
"""

from __future__ import annotations

import time

_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> float:
    """Seconds of CLOCK_BOOTTIME, the same in all processes of a host; else of the monotonic clock."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)
