"""What runs print, straight into files: the class that `compute_logs` in dagster.yaml names.

Dagster's own manager starts two helper processes per step only to repeat the output on the worker's terminal.
Here the process' stdout and stderr are the files while the step runs; the UI reads them as they grow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

import dagster as dg
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from typing_extensions import override

from scheduler_defs.settings import settings


class SignalboxComputeLogManager(LocalComputeLogManager):
    """Keeps what runs print under `<state>/compute_logs`."""

    def __init__(self, base_dir: str | None = None, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir or str(settings().state / "compute_logs"), 1.0, inst_data)

    @classmethod
    @override
    def config_type(cls) -> dict[str, Any]:
        return {"base_dir": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    @override
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        return cls(inst_data=inst_data, **config_value)

    @override
    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        # One look at the path for all three files: resolving it is what takes the time.
        out = Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[ComputeIOType.STDOUT]))
        err = out.with_suffix(f".{IO_TYPE_EXTENSION[ComputeIOType.STDERR]}")
        out.parent.mkdir(parents=True, exist_ok=True)
        with _redirected(sys.stdout, sys.__stdout__, out), _redirected(sys.stderr, sys.__stderr__, err):
            yield CapturedLogContext(log_key)
        # The file that tells readers that no more will come.
        out.with_suffix(".complete").touch()


@contextmanager
def _redirected(stream: IO[str] | None, original: IO[str] | None, path: Path) -> Generator[None, None, None]:
    """Make `path` what the stream's file descriptor writes to: what child processes print goes there too.

    `original` is used where the stream has no descriptor (a logger may be in its place); where neither
    has one (under test runners), nothing is captured.
    """
    target = next((found for found in (stream, original) if _descriptor(found) is not None), None)
    descriptor = _descriptor(target)
    if target is None or descriptor is None:
        yield
        return
    target.flush()
    saved = os.dup(descriptor)
    try:
        with path.open("ab", buffering=0) as file:
            os.dup2(file.fileno(), descriptor)
        yield
    finally:
        target.flush()
        os.dup2(saved, descriptor)
        os.close(saved)


def _descriptor(stream: IO[str] | None) -> int | None:
    try:
        found = stream.fileno() if stream is not None else None
    except (AttributeError, OSError, ValueError):
        return None
    return found if isinstance(found, int) else None
