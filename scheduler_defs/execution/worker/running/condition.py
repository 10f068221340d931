"""Whether a warm process is as it was before a run: then the next run finds what a fresh process would."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

_LIMITS = tuple(sorted(name for name in dir(resource) if name.startswith("RLIMIT_")))


@dataclass(frozen=True)
class Condition:
    """What a process hands on to whatever it runs next, and to the commands that it starts."""

    folder: str
    umask: int
    niceness: int
    environment: tuple[tuple[str, str], ...]
    limits: tuple[tuple[int, int], ...]

    def difference(self, before: Condition) -> str:
        """What differs, named and without values: variables may be secrets."""
        found = [
            name
            for name in ("folder", "umask", "niceness", "limits")
            if getattr(self, name) != getattr(before, name)
        ]
        changed = {name for name, _ in set(self.environment) ^ set(before.environment)}
        return ", ".join([*found, *(f"variable {name}" for name in sorted(changed))])


def condition() -> Condition:
    """Of this process, now."""
    umask = os.umask(0o077)
    os.umask(umask)
    try:
        folder = str(Path.cwd())
    except OSError:
        folder = ""
    return Condition(
        folder,
        umask,
        os.getpriority(os.PRIO_PROCESS, 0),
        tuple(sorted(os.environ.items())),
        tuple(resource.getrlimit(getattr(resource, name)) for name in _LIMITS),
    )
