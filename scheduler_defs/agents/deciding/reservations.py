"""Paths that tasks reserve: whether two of them could touch the same file, and who keeps whom waiting.

A path is a glob below the repository's root. `*` and `?` stand for characters of one name, `**` for any
folders; all else stands for itself. What a glob matches is claimed as a whole: a folder with all in it.
So nothing after `**` matters, and two globs overlap exactly when the names that both have overlap one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scheduler_defs.agents.deciding.candidates import Candidate, KeptApart


@dataclass(frozen=True, slots=True)
class Reservation:
    """The paths of a task that is given out, and has not ended."""

    task: int
    paths: tuple[str, ...]


def overlap(one: str, other: str) -> bool:
    """Whether the globs claim something in common."""
    pairs = zip(_names(one), _names(other), strict=False)
    return all(_names_overlap(first, second) for first, second in pairs)


@dataclass(slots=True)
class Reserved:
    """All that is reserved, while a pass places tasks."""

    given: list[Reservation] = field(default_factory=list[Reservation])
    _known: dict[tuple[str, ...], tuple[int, str, str] | None] = field(
        default_factory=dict[tuple[str, ...], "tuple[int, str, str] | None"]
    )

    def add(self, task: Candidate) -> None:
        """The task has been placed."""
        if task.paths:
            self.given.append(Reservation(task.id, task.paths))
            self._known.clear()

    def refusal(self, task: int, paths: tuple[str, ...], placed: int = 0) -> KeptApart | None:
        """Who has what the task wants; None when nobody has."""
        if not paths:
            return None
        if paths not in self._known:
            self._known[paths] = next(self._conflicts(paths), None)
        found = self._known[paths]
        return None if found is None else KeptApart(task, *found, placed)

    def _conflicts(self, paths: Sequence[str]) -> Iterator[tuple[int, str, str]]:
        for reservation in self.given:
            for path in paths:
                for taken in reservation.paths:
                    if overlap(path, taken):
                        yield reservation.task, path, taken


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
