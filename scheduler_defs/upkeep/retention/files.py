"""Files of runs: how large they are, and away with them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from scheduler_defs.jobs.commands.artifacts.folders import listed

_AT_ONCE = 500
STRANGER = dt.timedelta(days=1)
"""A folder of no known run stays so long: its run may be about to be written."""
Ended = Callable[[list[str]], Mapping[str, dt.datetime | None]]
"""Of runs that there are: since when they have ended."""


@dataclass
class Freed:
    """What has gone, or would go."""

    files: int = 0
    bytes: int = 0
    _counted: set[Path] = field(default_factory=set[Path])

    def remove(self, folder: Path, *, dry_run: bool) -> None:
        """A folder with all that is in it. One that is not there is none."""
        if folder in self._counted or folder.is_symlink() or not folder.is_dir():
            return
        found = listed(folder)
        self.files += len(found)
        self.bytes += sum(each.size for each in found)
        if dry_run:
            self._counted.add(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def old_folders(
    root: Path, age: dt.timedelta, ended: Ended, keep: frozenset[str], now: dt.datetime
) -> Iterator[Path]:
    """Folders below `root`, each named after its run, of runs that ended so long ago or are no more.

    Files of the runs in `keep` stay.
    """
    try:
        entries = os.scandir(root)
    except FileNotFoundError:
        return
    with entries:
        names = (entry for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name not in keep)
        while page := list(islice(names, _AT_ONCE)):
            known = ended([entry.name for entry in page])
            for entry in page:
                if entry.name not in known:
                    changed = dt.datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, dt.UTC)
                    if now - changed > STRANGER:
                        yield Path(entry.path)
                elif (end := known[entry.name]) is not None and now - end > age:
                    yield Path(entry.path)
