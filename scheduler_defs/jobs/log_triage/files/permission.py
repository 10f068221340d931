"""Which files may be read: those that a declared glob names by their real path, with all links followed.

A launch may ask for less than is declared, never for more. What it asks for is compared as text and as real
paths of folders before anything is looked at, so that a refusal does not tell what exists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.log_triage.files.finding import glob_pattern
from scheduler_defs.patterns import matches_whole, pattern_fault

_MAGIC = re.compile(r"[*?[]")


class AllowedFiles:
    """The declared globs, with `~` and `{state}` already replaced."""

    def __init__(self, globs: Iterable[str]) -> None:
        self.globs = tuple(dict.fromkeys(globs))
        self._roots = tuple(_root(each) for each in self.globs)
        named = map(_named, self.globs, self._roots)
        self._named = [each for each in named if pattern_fault(each) is None]

    def covers(self, real_path: str) -> bool:
        """Whether a declared glob names the file with this real path."""
        return any(matches_whole(named, real_path) for named in self._named)

    def refuse_others(self, asked: Sequence[str]) -> None:
        """Raises SignalboxError, one line, for a glob that begins outside of what is declared."""
        for each in asked:
            if each in self.globs:
                continue
            if "\0" in each or not each.startswith("/"):
                raise self._refusal(each)
            root = _root(each)
            if _MAGIC.search(each):
                inside = any(_below(root, allowed) for allowed in self._roots)
            else:
                inside = self.covers(root)
            if not inside:
                raise self._refusal(each)

    def _refusal(self, asked: str) -> SignalboxError:
        declared = ", ".join(self.globs) or "nothing"
        return SignalboxError(
            f"globs: {asked!r} is not among the files that declarations let log_triage read: {declared}"
            " (reports: log_files)"
        )


def real_path_of(descriptor: int, path: Path) -> str:
    """The real path of an open file; that of the path where the system does not tell it of descriptors."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - may end in " (deleted)": no path then
    except OSError:
        return os.path.realpath(path)


def _root(glob: str) -> str:
    """The real path of the part of a glob before its first wildcard: a folder, or the file itself."""
    magic = _MAGIC.search(glob)
    fixed = glob if magic is None else glob[: glob.rfind("/", 0, magic.start()) + 1]
    return os.path.realpath(fixed or "/")


def _named(glob: str, root: str) -> str:
    magic = _MAGIC.search(glob)
    if magic is None:
        return re.escape(root)
    rest = glob[glob.rfind("/", 0, magic.start()) + 1 :]
    return re.escape(root.rstrip("/") + "/") + glob_pattern(rest)


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
