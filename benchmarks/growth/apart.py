"""Each part in a process of its own, whose memory is then that of the part."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks.growth import pools, runs, schedules
from benchmarks.growth.figures import Figure
from benchmarks.postgres import embedded_postgres
from scheduler_defs.settings import CONFIG, POSTGRES_URL, STATE

Part = Callable[[Path, str, int], Iterator[Figure]]
PARTS: tuple[tuple[str, Part], ...] = (
    ("schedules", schedules.reload),
    ("schedules", schedules.loop),
    ("queued", runs.queued),
    ("runs", runs.history),
    ("tasks", pools.tasks),
    ("workers", pools.workers),
)


def measure(part: Part, size: int) -> list[Figure]:
    """The figures of a part at a size, each with the memory that this process had by then."""
    with (
        tempfile.TemporaryDirectory(prefix="scale-", ignore_cleanup_errors=True) as name,
        embedded_postgres() as url,
    ):
        logging.disable(logging.INFO)
        folder = Path(name)
        (folder / "state").mkdir()
        os.environ |= {
            POSTGRES_URL: url,
            CONFIG: str(folder / "config"),
            STATE: str(folder / "state"),
        }
        process = psutil.Process()
        return [replace(each, megabytes=process.memory_info().rss / 1e6) for each in part(folder, url, size)]
