"""Which files a glob means. Linear in the length of a path, whatever the pattern: no backtracking.

`**` stands for any number of folders, `*`, `?` and `[a-z]` for something within a name; none of them for a
leading dot. A folder that is named in full stands for all that is in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from scheduler_defs.text import storable

_WILD = re.compile(r"[*?\[]")
# A set such as [a-z] or [!0-9], or one character.
_TOKEN = re.compile(r"((?!\[!?.[^]]*\]).)|(\[!?.[^]]*\])", re.DOTALL)

Tell = Callable[[str], None]
"""Is told what could not be looked into, one line each."""
_Names = Callable[[str], bool]


def matching(patterns: Iterable[str], root: Path, tell: Tell | None = None) -> Iterator[PurePosixPath]:
    """The files below `root`, relative to it, that match a pattern. Folders behind links are not entered."""
    wanted = [Glob(pattern, tell) for pattern in patterns]
    if not wanted:
        return

    def closed(error: OSError) -> None:
        if tell is not None:
            tell(f"{os.path.relpath(error.filename, root)}: {error.strerror}")

    for parent, folders, names in os.walk(root, onerror=closed):
        folders.sort()
        where = PurePosixPath(os.path.relpath(parent, root))
        for name in sorted(names):
            path = where / name
            if any(glob.matches(path) for glob in wanted):
                yield path


class Glob:
    """A glob over whole relative paths."""

    def __init__(self, pattern: str, tell: Tell | None = None) -> None:
        self._parts: list[_Names | None] = []  # None: `**`
        parts = PurePosixPath(pattern).parts
        for part in parts:
            if part != "**":
                self._parts.append(_segment(part) if _WILD.search(part) else part.__eq__)
            elif not self._parts or self._parts[-1] is not None:
                self._parts.append(None)
        self._names_a_folder = bool(parts) and not _WILD.search(parts[-1])
        if tell is not None:
            for part in parts:
                if part != "**" and _WILD.search(part) and _compiled(part) is None:
                    tell(f"{part!r} is no glob: a set such as [a-z] goes from the lower to the higher")

    def matches(self, path: PurePosixPath) -> bool:
        """Whether the glob means this path. The places in the pattern are followed all at once."""
        end = len(self._parts)
        places = self._skipping({0})
        for name in path.parts:
            nxt: set[int] = set()
            for place in places:
                if place == end:
                    if self._names_a_folder:
                        nxt.add(end)
                    continue
                matches = self._parts[place]
                if matches is None:
                    if not name.startswith("."):
                        nxt |= {place, end} if place == end - 1 else {place}
                elif matches(name):
                    nxt.add(place + 1)
            places = self._skipping(nxt)
            if not places:
                return False
        return end in places

    def _skipping(self, places: set[int]) -> set[int]:
        """The places, and those behind a `**` that stands for no folder; at the end it stands for a name."""
        last = len(self._parts) - 1
        return places | {place + 1 for place in places if place < last and self._parts[place] is None}


def _segment(part: str) -> _Names:
    """A test for one name. Bytes that are no UTF-8 count as U+FFFD: re2 reads UTF-8."""
    expression = _compiled(part)
    dotted = part[0] in "*?["
    if expression is None:
        return lambda _: False
    return lambda name: not (dotted and name.startswith(".")) and bool(expression.fullmatch(storable(name)))


@lru_cache(maxsize=256)
def _compiled(part: str):
    """The part as a regular expression of re2; None for what is no glob."""
    import re2  # only where a job has globs

    expression = ""
    for text, characters in _TOKEN.findall(storable(part)):
        if characters:
            inside = characters[1:-1].replace("\\", "\\\\").replace("[", r"\[")
            inside = "^/" + inside[1:] if inside.startswith("!") else inside.replace("^", r"\^", 1)
            expression += f"[{inside}]"
        else:
            expression += {"*": ".*", "?": "."}.get(text) or re.escape(text)
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    try:
        return re2.compile(expression, options)
    except re2.error:
        return None
