"""Rows of a log in the order of their numbers, though they are committed in another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

GAP_SECONDS = 2.0
"""A number that is missing for so long will not come: its transaction has failed. Writing takes much less."""


@dataclass
class Watermark:
    """Up to which number everything is known. Whoever has read that far has missed nothing."""

    at: int
    _seen: set[int] = field(default_factory=set[int])
    _since: float | None = None

    def advance(self, numbers: Iterable[int], now: float) -> int:
        """Numbers that have become visible; the mark then. `now`: seconds of a clock without jumps."""
        self._seen.update(number for number in numbers if number > self.at)
        self._pass()
        if not self._seen:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= GAP_SECONDS:
            self.at = min(self._seen) - 1  # what is missing before it will not come
            self._since = now
            self._pass()
            if not self._seen:
                self._since = None
        return self.at

    def _pass(self) -> None:
        before = self.at
        while self.at + 1 in self._seen:
            self.at += 1
            self._seen.discard(self.at)
        if self.at != before:
            self._since = None
