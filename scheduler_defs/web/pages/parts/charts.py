"""Small pictures as numbers: templates draw them as SVG. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

_BAR, _HIGH = 5, 16
_SHAPES = {"g": (6, "good"), "b": (0, "bad"), "m": (0, "missed"), "s": (12, "left out"), "r": (6, "going")}
"""By letter: where the bar begins from above, and its word: told apart without colours, too."""


@dataclass(frozen=True, slots=True)
class Spark:
    """The last outcomes of a schedule: an SVG path for each kind, and the same in words."""

    paths: Mapping[str, str]
    words: str
    width: int


def spark(letters: str) -> Spark:
    """From letters, the oldest first: g(ood), b(ad), m(issed), s(kipped), r(unning)."""
    paths = {
        letter: "".join(
            f"M{_BAR * place} {_SHAPES[letter][0]}h{_BAR - 1}V{_HIGH}h-{_BAR - 1}z"
            for place, found in enumerate(letters)
            if found == letter
        )
        for letter in dict.fromkeys(letters)
    }
    counted = [f"{letters.count(each)} {word}" for each, (_, word) in _SHAPES.items() if each in letters]
    return Spark(paths, f"last {len(letters)}: {', '.join(counted)}", _BAR * len(letters))


@dataclass(frozen=True, slots=True)
class Bar:
    """One run: how long it took, and the height of that in percent of the longest."""

    status: str
    seconds: float
    height: float
    run_id: str


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long runs took, the oldest first."""

    bars: Sequence[Bar]
    longest: float
    middle: float

    @property
    def line(self) -> float:
        """Where the median lies, in percent of the longest."""
        return round(100 * self.middle / (self.longest or 1.0), 1)


def lengths(rows: Sequence[Mapping[str, Any]]) -> Lengths | None:
    """Of a history, the newest first; None while no run has ended."""
    ran = [row for row in reversed(rows) if row["started"] and row["ended"]]
    seconds = [(_moment(row["ended"]) - _moment(row["started"])).total_seconds() for row in ran]
    if not ran:
        return None
    longest = max(seconds) or 1.0
    bars = [
        Bar(row["status"], took, round(100 * took / longest, 1), row["run_id"])
        for row, took in zip(ran, seconds, strict=True)
    ]
    return Lengths(bars, longest, median(seconds))


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
