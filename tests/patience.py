"""How tests wait: for a condition, with a deadline for a busy machine."""

import time
from collections.abc import Callable

PATIENCE = 4
"""How much longer than on a quiet machine a test waits before it gives up.

Several test processes share the cores, and those of a small machine. A test that succeeds never waits longer.
"""


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> float:
    """Wait until the condition is true; the seconds that it took.

    Raises AssertionError when it is not after so many seconds of a quiet machine.
    """
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds * PATIENCE, f"not within {seconds * PATIENCE} s"
        time.sleep(0.01)
    return time.monotonic() - began
