"""Paths that tasks reserve: whether two of them could touch the same file, and who keeps whom waiting.

A path is a glob below the repository's root. `*` and `?` stand for characters of one name, `**` for any
folders; all else stands for itself. What a glob matches is claimed as a whole: a folder with all in it.
So nothing after `**` matters, and two globs overlap exactly when the names that both have overlap one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from scheduler_defs.agents.deciding.matching.candidates import Candidate, KeptApart


@dataclass(frozen=True, slots=True)
class Reservation:
    """The paths of a task that is given out, and has not ended."""

    task: int
    paths: tuple[str, ...]


@lru_cache(maxsize=1 << 16)
def overlap(one: str, other: str) -> bool:
    """Whether the globs claim something in common."""
    pairs = zip(_names(one), _names(other), strict=False)
    return all(_names_overlap(first, second) for first, second in pairs)


@dataclass(frozen=True, slots=True)
class _Taken:
    """One glob that is reserved. `turn`: how many were before it."""

    turn: int
    task: int
    path: str


class Reserved:
    """All that is reserved, while a pass places tasks.

    Globs without wildcards, nearly all there are, are looked up by their names: comparing each candidate with
    each reservation took half a second for 150 placements.
    """

    def __init__(self, given: Iterable[Reservation]) -> None:
        self._turns = 0
        self._whole: dict[tuple[str, ...], _Taken] = {}
        """By all their names."""
        self._above: dict[tuple[str, ...], _Taken] = {}
        """By the names of each folder above them."""
        self._wild: list[_Taken] = []
        for reservation in given:
            self._take(reservation)

    def add(self, task: Candidate) -> None:
        """The task has been placed."""
        self._take(Reservation(task.id, task.paths))

    def refusal(self, task: int, paths: tuple[str, ...], placed: int = 0) -> KeptApart | None:
        """Who has what the task wants, the one that had it first; None when nobody has."""
        found = [(each.turn, path, each) for path in paths for each in self._conflicts(path)]
        if not found:
            return None
        _, path, first = min(found, key=lambda each: each[:2])
        return KeptApart(task, first.task, path, first.path, placed)

    def _take(self, reservation: Reservation) -> None:
        for path in reservation.paths:
            taken = _Taken(self._turns, reservation.task, path)
            self._turns += 1
            names = tuple(_names(path))
            if _is_wild(names):
                self._wild.append(taken)
                continue
            self._whole.setdefault(names, taken)
            for depth in range(len(names)):
                self._above.setdefault(names[:depth], taken)

    def _conflicts(self, path: str) -> Iterator[_Taken]:
        names = tuple(_names(path))
        yield from (each for each in self._wild if overlap(path, each.path))
        if _is_wild(names):
            yield from (each for each in self._whole.values() if overlap(path, each.path))
            return
        if names in self._above:
            yield self._above[names]
        for depth in range(len(names) + 1):
            if names[:depth] in self._whole:
                yield self._whole[names[:depth]]


@dataclass(frozen=True, slots=True)
class Hidden:
    """What to pass over when the queue is read: tasks that would be kept apart all the same.

    `taken` are globs that are reserved; `known` are globs of which is known that they overlap one of these.
    """

    taken: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()

    @property
    def pattern(self) -> str | None:
        """A regular expression (Python's and Postgres') over a task's globs, one a line; None: matches none.

        Each glob that it matches overlaps one of `taken`, but it does not match all that do.
        """
        if not self.taken:
            return None
        branches = [_certain(glob) for glob in sorted(self.taken)] + [
            re.escape(glob) for glob in sorted(self.known)
        ]
        return f"(?n)^({'|'.join(branches)})$"

    def matches(self, glob: str) -> bool:
        """As Postgres would."""
        pattern = self.pattern
        return pattern is not None and re.search(pattern.removeprefix("(?n)"), glob) is not None


def hidden(
    reserved: Iterable[Reservation],
    candidates: Mapping[int, Candidate],
    placed: Sequence[int],
    kept_apart: Sequence[KeptApart],
    before: Hidden,
) -> Hidden | None:
    """What to pass over in the next look at the queue; None when none can be hidden behind those kept apart.

    A look brings as many tasks as can be placed, so each that is kept apart may hide one that is not. The
    placements before the first such task stand, whatever the next look brings: they, too, are taken.
    """
    unseen = [each for each in kept_apart if not before.matches(each.path)]
    if not unseen:
        return None
    standing = [path for task in placed[: unseen[0].placed_before] for path in candidates[task].paths]
    taken = frozenset(path for each in reserved for path in each.paths) | frozenset(standing)
    known = {
        path
        for each in kept_apart
        for path in candidates[each.task].paths
        if any(overlap(path, one) for one in taken)
    }
    return Hidden(taken, before.known | known)


def _names(glob: str) -> list[str]:
    """The names in it, up to the first that stands for any folders."""
    names = glob.rstrip("/").split("/")
    return names[: names.index("**")] if "**" in names else names


def _is_wild(names: Iterable[str]) -> bool:
    return any("*" in name or "?" in name for name in names)


def _names_overlap(one: str, other: str) -> bool:
    """Whether some name matches both: a walk through the places that both can be at."""
    if one == other:
        return True
    places = _skips(one, other, {(0, 0)})
    while places:
        if (len(one), len(other)) in places:
            return True
        ahead: set[tuple[int, int]] = set()
        for first, second in places:
            if first == len(one) or second == len(other):
                continue
            left, right = one[first], other[second]
            if left == "*" and right == "*":
                continue
            if left == "*":
                ahead.add((first, second + 1))
            elif right == "*":
                ahead.add((first + 1, second))
            elif left == right or "?" in (left, right):
                ahead.add((first + 1, second + 1))
        places = _skips(one, other, ahead)
    return False


def _skips(one: str, other: str, places: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """The places, and those after stars that stand for nothing more."""
    found, fresh = set(places), list(places)
    while fresh:
        first, second = fresh.pop()
        skipped = [
            *([(first + 1, second)] if first < len(one) and one[first] == "*" else []),
            *([(first, second + 1)] if second < len(other) and other[second] == "*" else []),
        ]
        for place in skipped:
            if place not in found:
                found.add(place)
                fresh.append(place)
    return found


_WILD = {"*": "[^/*?\n]*", "?": "[^/*?\n]"}


def _certain(glob: str) -> str:
    """Of globs: those that begin with names which this one matches, or is the same as, as far as both go."""
    pattern = ""
    for name in reversed(_names(glob)):
        wild = "".join(_WILD.get(character) or re.escape(character) for character in name)
        either = f"({wild}|{re.escape(name)})" if set(name) & set("*?") else wild
        rest = f"(/(\\*\\*(/[^\n]*)?|{pattern})?)?" if pattern else "(/[^\n]*)?"
        pattern = f"{either}{rest}"
    return f"(\\*\\*(/[^\n]*)?|{pattern})" if pattern else "[^\n]*"
