"""Time against size, both logarithmic, as a plain SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from benchmarks.growth.figures import Figure, curves

WIDTH, HEIGHT = 1000, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 430, 20, 45
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f")
FEWEST_SECONDS = 1e-4


def svg(figures: Sequence[Figure]) -> str:
    """A line for each measure, named beside the drawing."""
    if not figures:
        raise ValueError("nothing to draw")
    across = _Axis([each.size for each in figures], LEFT, WIDTH - RIGHT)
    up = _Axis([max(each.seconds, FEWEST_SECONDS) for each in figures], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    ]
    for value in across.decades():
        x = across.at(value)
        parts.append(_line(x, TOP, x, HEIGHT - BOTTOM))
        parts.append(_text(x, HEIGHT - BOTTOM + 18, f"{value:,.0f}", "middle"))
    for value in up.decades():
        y = up.at(value)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 6, y + 4, f"{value:g} s", "end"))
    for number, ((part, name), each) in enumerate(curves(figures).items()):
        colour = COLOURS[number % len(COLOURS)]
        dashes = "" if number < len(COLOURS) else ' stroke-dasharray="6 3"'
        points = [(across.at(f.size), up.at(max(f.seconds, FEWEST_SECONDS))) for f in each]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        y, left = TOP + 14 + number * 20, WIDTH - RIGHT + 20
        parts.append(
            f'<path d="M{left} {y - 4}h24" stroke="{colour}" stroke-width="2"{dashes}/>'
            + _text(left + 32, y, f"{part}: {name}", "start")
        )
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    """Places on a logarithmic scale that reaches from power of ten to power of ten."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self._first = math.floor(math.log10(min(values)))
        self._last = max(self._first + 1, math.ceil(math.log10(max(values))))
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        share = (math.log10(value) - self._first) / (self._last - self._first)
        return self._begin + share * (self._end - self._begin)

    def decades(self) -> list[float]:
        return [10.0**power for power in range(self._first, self._last + 1)]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'
