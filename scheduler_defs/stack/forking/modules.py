"""What the parent imports: what the stack's processes need, and nothing that reads the declarations."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

from scheduler_defs.execution.preloaded import PRELOADED

OURS = (
    "scheduler_defs.execution.worker.processes",
    "scheduler_defs.execution.worker.running.run",
    "scheduler_defs.web.server",
    "scheduler_defs.assembly",
    "scheduler_defs.schedules",
)
_CLOCKS_DIFFER_SECONDS = 0.1

Stamps = dict[str, tuple[int, int] | None]


def load(*, definitions: bool = False) -> Stamps:
    """Import all of it; what the files were that it was read from.

    `definitions`: what a worker's main process loads before it forks, too. It needs the database.
    """
    began = time.time() - _CLOCKS_DIFFER_SECONDS
    for name in (*PRELOADED, *OURS):
        importlib.import_module(name)
    if definitions:
        # By name: what is forked for a worker alone is no part of the others.
        importlib.import_module("scheduler_defs.execution.worker.running.warm").preload()
    loaded = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    files = {str(file) for file in loaded if file}
    # Of a file that was written meanwhile nobody knows which text was read.
    return {
        file: None if stamp is None or stamp[0] / 1e9 >= began else stamp
        for file in files
        if (stamp := _stamp(file)) is not None or file.endswith(".py")
    }


def have_changed(stamps: Stamps) -> bool:
    """Whether a process that is started now would read other files than those."""
    return any(stamp is None or _stamp(file) != stamp for file, stamp in stamps.items())


def _stamp(file: str) -> tuple[int, int] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
