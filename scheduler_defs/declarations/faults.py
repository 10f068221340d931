"""Faults on their way to the reader: where in which file, about which key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler_defs.declarations.base import Position, Problem
from scheduler_defs.declarations.tree import Node

MOST_PROBLEMS = 1_000
"""More than anybody reads; keeps a hopeless file from filling the memory."""


@dataclass(slots=True)
class Faults:
    """All faults found so far."""

    problems: list[Problem] = field(default_factory=list[Problem])

    def add(self, file: str, line: int, column: int, path: str, message: str) -> None:
        """Note a fault."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(file=file, line=line, column=column, path=path, message=message))

    def in_order(self) -> tuple[Problem, ...]:
        """Each fault once, by file, line and column."""
        unique = dict.fromkeys(self.problems)
        return tuple(sorted(unique, key=lambda each: (each.file, each.line, each.column)))


@dataclass(slots=True)
class Entry:
    """One declared thing: its kind and name, its tree, and a way to say what is wrong with it."""

    faults: Faults
    file: str
    path: tuple[str, ...]
    node: Node
    line: int
    column: int
    """Of the name."""
    fallback: Node | None = None
    """Where defaults are written that the entry has taken over."""
    faulty: bool = False

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def position(self) -> Position:
        return Position.model_construct(file=self.file, line=self.line, column=self.column)

    def place_of(self, *where: str) -> Position:
        """Where the key at the end of `where` is written."""
        line, column = self._place(where, on_key=True)
        return Position(file=self.file, line=line, column=column)

    def fault(self, message: str, *where: str | int, on_key: bool = False) -> None:
        """Note a fault of the value at `where` below the entry; with `on_key`, of the last key itself."""
        line, column = self._place(where, on_key)
        self.faulty = True
        self.faults.add(self.file, line, column, _dotted([*self.path, *where]), message)

    def _place(self, where: Sequence[str | int], on_key: bool) -> tuple[int, int]:
        node, at = self.node, (self.line, self.column)
        if where and self.fallback is not None and where[0] not in node.children:
            node = self.fallback
        for index, key in enumerate(where):
            if key not in node.children:
                break
            at = (node.children[key].line, node.children[key].column)
            if on_key and index == len(where) - 1 and isinstance(key, str):
                at = node.keys[key]
            node = node.children[key]
        return at


def _dotted(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def near(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or what is allowed, or nothing when there is nothing."""
    words = list(allowed)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    if not words:
        return ""
    shown = ", ".join(words[:20])
    return f"; allowed are {shown}" + (f" and {len(words) - 20} more" if len(words) > 20 else "")


def described(value: Any) -> str:
    """A value as it appears in a message: short, and never a whole file."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = getattr(value, "raw", None) or ("true" if value is True else "false" if value is False else value)
    shown = str(text)
    return repr(shown if len(shown) <= 60 else shown[:57] + "...")
