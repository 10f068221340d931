"""The longest that one attempt of a step may take."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

TIMEOUT_TAG = "signalbox/step_timeout"
"""On an op: seconds. (The commands of declared steps have a deadline of their own, kept by their guard.)"""


class StepTimedOutError(Exception):
    """The step took longer than it may."""


def timeout_seconds(step_tags: Mapping[str, str]) -> float | None:
    """The step's time-out, or None. Raises ValueError when the tag is no positive number."""
    text = step_tags.get(TIMEOUT_TAG)
    if text is None:
        return None
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{TIMEOUT_TAG}: {text!r} is not a positive number of seconds")
    return seconds


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise StepTimedOutError in the block when it takes longer. Main thread of the process only.

    It is raised in the middle of the step's code, as an ordinary error: the step's retry policy applies.
    """
    if seconds is None:
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise StepTimedOutError(f"timed out after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
