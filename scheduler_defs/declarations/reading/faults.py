"""Faults on their way to the reader: where in which file, about which key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler_defs.declarations.models.base import Position, Problem
from scheduler_defs.declarations.reading.tree import Node

MOST_PROBLEMS = 1_000
"""More than anybody reads; keeps a hopeless file from filling the memory."""


@dataclass(slots=True)
class Faults:
    """All faults found so far, each once."""

    problems: dict[Problem, None] = field(default_factory=dict[Problem, None])
    notes: dict[Problem, None] = field(default_factory=dict[Problem, None])
    """What is worth saying and no fault."""
    unreadable: set[tuple[str, int, int]] = field(default_factory=set[tuple[str, int, int]])
    """Places whose value could not be read at all; whatever else is wrong there follows from that."""

    def add(
        self, file: str, line: int, column: int, path: str, message: str, *, only_a_note: bool = False
    ) -> None:
        """Note a fault, or with `only_a_note` something that is none."""
        found = self.notes if only_a_note else self.problems
        if len(found) < MOST_PROBLEMS and (file, line, column) not in self.unreadable:
            problem = Problem(file=file, line=line, column=column, path=path, message=message)
            found[problem] = None

    def in_order(self) -> tuple[Problem, ...]:
        """By file, line and column."""
        return _in_order(self.problems)

    def notes_in_order(self) -> tuple[Problem, ...]:
        """By file, line and column."""
        return _in_order(self.notes)


def _in_order(found: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(found, key=lambda each: (each.file, each.line, each.column)))


@dataclass(frozen=True, slots=True)
class Fallback:
    """What is written elsewhere for many entries: `defaults:`, by key, with the file of each key."""

    path: tuple[str, ...]
    node: Node
    files: Mapping[str, str]


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
    fallback: Fallback | None = None
    faulty: bool = False
    dropped: set[str] = field(default_factory=set[str])
    """Keys with faulty values, left out wholly or partly so that the others can be looked at."""

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def position(self) -> Position:
        return Position.model_construct(file=self.file, line=self.line, column=self.column)

    def fault(self, message: str, *where: str | int, on_key: bool = False) -> None:
        """Note a fault of the value at `where` below the entry; with `on_key`, of the last key itself."""
        self.faulty = True
        self._add(message, where, on_key=on_key)

    def note(self, message: str, *where: str | int) -> None:
        """Say something about the value at `where` that is no fault."""
        self._add(message, where, only_a_note=True)

    def _add(
        self, message: str, where: Sequence[str | int], *, on_key: bool = False, only_a_note: bool = False
    ) -> None:
        file, path, root = self.file, self.path, self.node
        if where and self.fallback is not None and where[0] not in root.children:
            first = str(where[0])
            if first in self.fallback.node.children:
                file, path, root = self.fallback.files[first], self.fallback.path, self.fallback.node
        line, column = self._place(root, where, on_key)
        dotted = _dotted([*path, *_written(root, where)])
        self.faults.add(file, line, column, dotted, message, only_a_note=only_a_note)

    def keys_below(self, key: str) -> list[str]:
        """The keys written in the mapping at `key`, also those whose values are faulty."""
        return list(self.node.children[key].keys) if key in self.node.children else []

    def place_of(self, *where: str) -> Position:
        """Where the key at the end of `where` is written."""
        line, column = self._place(self.node, where, on_key=True)
        return Position(file=self.file, line=line, column=column)

    def _place(self, node: Node, where: Sequence[str | int], on_key: bool) -> tuple[int, int]:
        at = (self.line, self.column)
        for index, key in enumerate(where):
            if key not in node.children:
                break
            at = (node.children[key].line, node.children[key].column)
            if on_key and index == len(where) - 1 and isinstance(key, str):
                at = node.keys[key]
            node = node.children[key]
        return at


def _written(node: Node | None, where: Sequence[str | int]) -> Sequence[str | int]:
    """As far as `where` leads to something written: `cron: X` has no `cron[0]`, though read as a list."""
    for index, key in enumerate(where):
        if node is None or not isinstance(node.value, list if isinstance(key, int) else dict):
            return where[:index]
        node = node.children.get(key)
    return where


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
