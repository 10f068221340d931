"""Files that runs keep, where the UI and the command find them."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field

from resources.base import YardResource
from scheduler_defs.atomic import write_atomically
from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import settings

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class ArtifactStoreResource(YardResource):
    """A folder per run below `folder`."""

    folder: str | None = Field(default=None, description="Absent: artifacts/ in the state folder.")

    def of_run(self, run_id: str) -> Path:
        """The run's folder, made if it is not there. Raises SignalboxError for what is no run id."""
        if not _RUN_ID.fullmatch(run_id):
            raise SignalboxError(f"run id {run_id!r}: expected letters, digits, '_', '-' and '.'")
        base = Path(self.folder) if self.folder else settings().artifacts
        place = base / run_id
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place

    def write(self, run_id: str, name: str, text: str) -> Path:
        """Keep a text under a name below the run's folder: all of it or nothing.

        Raises SignalboxError for a name that leads out of the folder.
        """
        base = self.of_run(run_id).resolve()
        path = base if "\0" in name else (base / name).resolve()
        if not path.is_relative_to(base) or path == base:
            raise SignalboxError(f"artifact {name!r}: must be a name below the run's folder")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, text)
        return path
