"""Where the files that runs keep lie: `<state>/artifacts/<run id>/...`, steps in folders of their own."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.errors import SignalboxError
from scheduler_defs.text import storable

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class Artifact:
    """One kept file: its path below the run's folder, and its size in bytes.

    Bytes of a name that are no UTF-8 stand as U+FFFD in the path: it is for people, databases and JSON.
    """

    path: str
    size: int


def run_folder(artifacts: Path, run_id: str, step: str | None = None) -> Path:
    """Where the files of a run (or of one of its steps) are kept. Not made here.

    Raises SignalboxError for names that are not plain file names.
    """
    for name in (run_id, *([] if step is None else [step])):
        if not _PLAIN_NAME.fullmatch(name):
            raise SignalboxError(f"{name!r}: expected letters, digits, '_', '-' and '.'")
    return artifacts / run_id if step is None else artifacts / run_id / step


def listed(folder: Path) -> tuple[Artifact, ...]:
    """The regular files below a run's folder, whoever put them there."""
    found: list[Artifact] = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode):
                found.append(Artifact(storable(path.relative_to(folder).as_posix()), facts.st_size))
    return tuple(found)
