"""Which files are read: globs to regular files, each once, whatever links and permissions are in the way."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.patterns import matches_whole, pattern_fault


@dataclass(frozen=True)
class Problem:
    """Something that could not be read. Listed in the report; the rest goes on."""

    path: str
    problem: str


def find_files(patterns: Sequence[str], *, limit: int = 10_000) -> tuple[list[Path], list[Problem]]:
    """The regular files that match any of the patterns, each inode once, oldest change first.

    `*` and `?` stop at `/`, `**` does not. Links to folders are not followed below `**`, so that loops do
    no harm.
    """
    found: dict[tuple[int, int], tuple[int, Path]] = {}
    problems: list[Problem] = []
    for pattern in patterns:
        for path in _matching(str(Path(pattern).expanduser()), problems):
            try:
                status = path.stat()
            except OSError as error:
                problems.append(Problem(str(path), error.strerror or str(error)))
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            if len(found) >= limit:
                problems.append(Problem(pattern, f"more than {limit} files; the rest is left out"))
                break
            found.setdefault((status.st_dev, status.st_ino), (status.st_mtime_ns, path))
    return [path for _, path in sorted(found.values())], problems


def _matching(pattern: str, problems: list[Problem]) -> Iterator[Path]:
    base, deep, rest = pattern.partition("**")
    if not deep:
        yield from map(Path, sorted(glob.glob(pattern)))  # noqa: PTH207 - Path.glob takes no absolute pattern
        return
    wanted = glob_pattern("**" + rest)
    if fault := pattern_fault(wanted):
        problems.append(Problem(pattern, fault))
        return
    for root in sorted(glob.glob(base)) if base else ["."]:  # noqa: PTH207

        def unreadable(error: OSError) -> None:
            problems.append(Problem(str(error.filename), error.strerror or str(error)))

        for folder, folders, names in os.walk(root, onerror=unreadable):
            folders.sort()
            for name in sorted(names):
                path = Path(folder) / name
                if matches_whole(wanted, os.path.relpath(path, root)):
                    yield path


def glob_pattern(glob: str) -> str:
    """A glob as a pattern (patterns.py) for a relative path; `*` and `?` stop at `/`, `**` does not."""
    parts: list[str] = []
    index = 0
    while index < len(glob):
        if glob.startswith("**/", index):
            parts.append("(?:[^/]+/)*")
            index += 3
        elif glob.startswith("**", index):
            parts.append(".*")
            index += 2
        elif glob[index] == "*":
            parts.append("[^/]*")
            index += 1
        elif glob[index] == "?":
            parts.append("[^/]")
            index += 1
        elif glob[index] == "[" and (end := glob.find("]", index + 2)) > 0:
            inner = glob[index + 1 : end].replace("\\", "\\\\")
            parts.append("[" + ("^" + inner[1:] if inner.startswith("!") else inner) + "]")
            index = end + 1
        else:
            parts.append(re.escape(glob[index]))
            index += 1
    return "".join(parts)
