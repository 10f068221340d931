"""How long a component that died waits for its next start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubles from `first_seconds` up to `cap_seconds`; a component that stayed healthy starts over."""

    first_seconds: float = 0.5
    cap_seconds: float = 30.0
    forgiven_after_seconds: float = 60.0

    def delay_seconds(self, failures: int) -> float:
        """The wait after the n-th failure in a row, counted from 1."""
        return min(self.cap_seconds, self.first_seconds * 2 ** min(failures - 1, 16))

    def failures_in_a_row(self, before: int, healthy_seconds: float) -> int:
        """The count with one more failure, or 1 when the component had been healthy for long enough."""
        return 1 if healthy_seconds >= self.forgiven_after_seconds else before + 1


STORAGE_BACKOFF = Backoff(cap_seconds=3.0)
"""For Postgres and the broker: all others wait for them, so nobody is spared by a long pause."""
