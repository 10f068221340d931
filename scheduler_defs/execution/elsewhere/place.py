"""Which code location a run is of, as far as whoever executes it must know (private Dagster API)."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dagster._core.code_pointer import CodePointer
from dagster._core.storage.dagster_run import DagsterRun

from scheduler_defs.execution.admission.job_settings import other_location


@dataclass(frozen=True)
class Place:
    """Another location's code. `key` is the same for all runs of the same code.

    `executable`: the Python of an environment of its own; None: that of this process.
    """

    location: str
    key: str
    working_directory: Path | None = None
    executable: str | None = None


def place_of(run: DagsterRun) -> Place | None:
    """Where the run's code is; None for the program's own location, and where the run does not say."""
    origin, location = run.job_code_origin, other_location(run)
    if origin is None or location is None:
        return None
    repository = origin.repository_origin
    folder = _working_directory(repository.code_pointer)
    executable = repository.executable_path
    return Place(
        location,
        "\0".join((location, executable, folder, repository.code_pointer.describe())),
        Path(folder) if folder else None,
        None if is_here(executable) else executable,
    )


def is_here(executable: str) -> bool:
    """Whether a Python is that of this process. Those of two environments are often links to one program."""
    return Path(executable).parent.resolve() == Path(sys.executable).parent.resolve()


@contextlib.contextmanager
def inside(place: Place | None) -> Iterator[None]:
    """In the folder in which the location's code expects to be, as in its code server."""
    if place is None or place.working_directory is None:
        yield
        return
    with contextlib.chdir(place.working_directory):
        yield


def settle_in(place: Place | None) -> None:
    """In a process of the run's own: stay where its code finds its files, and what it imports only now."""
    if place is not None and place.working_directory is not None:
        os.chdir(place.working_directory)
        sys.path.insert(0, str(place.working_directory))


def _working_directory(pointer: CodePointer) -> str:
    return str(getattr(pointer, "working_directory", None) or "")
