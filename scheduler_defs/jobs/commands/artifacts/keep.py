"""Files that runs keep: copies that later runs cannot change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.jobs.commands.artifacts.copies import NotKeptError, copy_file
from scheduler_defs.jobs.commands.artifacts.folders import Artifact
from scheduler_defs.jobs.commands.artifacts.globs import matching
from scheduler_defs.text import storable

MOST_FILES = 10_000
_MOST_TOLD = 100


@dataclass(frozen=True)
class Kept:
    """What was kept, and what was not (one line each)."""

    folder: Path
    artifacts: tuple[Artifact, ...]
    refused: tuple[str, ...]


class _TimeUpError(Exception):
    pass


def keep(
    patterns: Sequence[str],
    source: Path,
    folder: Path,
    *,
    changed_since: float | None = None,
    seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Kept:
    """Copy the files below `source` that match a pattern into `folder`, under the same relative paths.

    Symbolic links are followed only to files below `source`; only regular files are kept. With
    `changed_since` (seconds since 1970) files that were there before and have not changed are left out.
    `seconds` is how long this may take; what is not copied by then is not kept, and that is told.
    A file that cannot be read is told and left out. Raises OSError when the disk does not take the copies.
    """
    kept: list[Artifact] = []
    refused: list[str] = []
    until = None if seconds is None else clock() + seconds

    def check() -> None:
        if until is not None and clock() > until:
            raise _TimeUpError

    root = source.resolve()
    try:
        for path in matching(patterns, root, refused.append):
            check()
            if len(kept) >= MOST_FILES:
                refused.append(f"more than {MOST_FILES} files; the rest is not kept")
                break
            try:
                size = copy_file(root, root / path, folder.joinpath(*path.parts), changed_since, check)
            except NotKeptError as fault:
                refused.append(f"{path}: {fault}")
            else:
                if size is not None:
                    kept.append(Artifact(storable(str(path)), size))
    except _TimeUpError:
        refused.append(f"after {seconds:g} s the time for keeping files was up; the rest is not kept")
    return Kept(folder, tuple(kept), _told(refused))


def _told(refused: list[str]) -> tuple[str, ...]:
    """The lines fit for a log; after the first hundred only how many more there are."""
    lines = [storable(line) for line in refused[:_MOST_TOLD]]
    if len(refused) > _MOST_TOLD:
        lines.append(f"and {len(refused) - _MOST_TOLD} more")
    return tuple(lines)
