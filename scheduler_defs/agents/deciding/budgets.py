"""Budgets: what may be used before people are asked. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

MEASURES = ("tokens", "cached_tokens", "turns", "cost_usd", "seconds")


@dataclass(frozen=True, slots=True)
class Use:
    """What was used: fresh tokens in and out, tokens read from a cache, turns, US dollars, wall clock."""

    tokens: int = 0
    cached_tokens: int = 0
    turns: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Use) -> Use:
        return Use(
            self.tokens + other.tokens,
            self.cached_tokens + other.cached_tokens,
            self.turns + other.turns,
            self.cost_usd + other.cost_usd,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of each may be used before somebody is asked; None: as much as they like."""

    tokens: int | None = None
    cached_tokens: int | None = None
    turns: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None


def reached(use: Use, allowed: Allowance, granted: int) -> str | None:
    """What is used up, in words: `1,204,000 of 1,000,000 tokens`; None while something is left of each.

    `granted`: how often people have allowed as much again.
    """
    for name in MEASURES:
        limit = getattr(allowed, name)
        used = getattr(use, name)
        if limit is not None and used >= limit * (granted + 1):
            return f"{_said(name, used)} of {_said(name, limit * (granted + 1))}{_UNITS[name]}"
    return None


def bucket(per: Collection[str], *, task: str, agent: str, queue: str, day: dt.date) -> str:
    """The name of what is counted together: `agent=vaela day=2026-11-29`; `all` when nothing is apart."""
    apart = {"task": task, "agent": agent, "queue": queue, "day": day.isoformat()}
    return " ".join(f"{name}={value}" for name, value in apart.items() if name in per) or "all"


_UNITS = {
    "tokens": " fresh tokens",
    "cached_tokens": " cached tokens",
    "turns": " turns",
    "cost_usd": "",
    "seconds": " of work",
}


def _said(name: str, value: float) -> str:
    if name == "cost_usd":
        return f"${value:,.2f}"
    if name == "seconds":
        minutes, seconds = divmod(round(value), 60)
        hours, minutes = divmod(minutes, 60)
        parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
        return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
    return f"{round(value):,}"
