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
from dagster._core.storage.compute_log_manager import (
    CapturedLogContext,
    CapturedLogSubscription,
    ComputeIOType,
)
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from typing_extensions import override

from scheduler_defs.execution.storage.log_reading import EndSubscription, read_log
from scheduler_defs.private import FILE_MODE, make_private, open_private
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
        make_private(out.parent)
        try:
            with _redirected(sys.stdout, sys.__stdout__, out), _redirected(sys.stderr, sys.__stderr__, err):
                yield CapturedLogContext(log_key)
        finally:
            # The file that tells readers that no more will come, however the step has ended.
            out.with_suffix(".complete").touch(mode=FILE_MODE)

    @override
    def get_log_data_for_type(
        self,
        log_key: Sequence[str],
        io_type: ComputeIOType,
        offset: int | None = 0,
        max_bytes: int | None = None,
    ) -> tuple[None, int] | tuple[bytes, int]:
        path = Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[io_type]))
        complete = self.is_capture_complete(log_key)
        return read_log(path, offset or 0, max_bytes, complete=complete)

    def sizes(self, log_key: Sequence[str]) -> tuple[int, int]:
        """Bytes of stdout and stderr by now."""
        out, err = (self._size(log_key, kind) for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR))
        return out, err

    def _size(self, log_key: Sequence[str], kind: ComputeIOType) -> int:
        try:
            return Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])).stat().st_size
        except FileNotFoundError:
            return 0

    @override
    def subscribe(self, log_key: Sequence[str], cursor: str | None = None) -> CapturedLogSubscription:
        subscription = EndSubscription(self, log_key, cursor)
        self._subscription_manager.add_subscription(subscription)
        return subscription


_before: dict[int, int] = {}
"""By descriptor that is captured: a duplicate of what it was before."""


@contextmanager
def aside() -> Generator[tuple[int | None, int | None], None, None]:
    """Descriptors of the captured stdout and stderr, for a command alone.

    What this process itself prints meanwhile, such as Dagster's own log lines, goes where it went before the
    capture: the output of a command holds what the command printed, and its last line is its own. None for a
    stream that is not captured.
    """
    with _taken(sys.stdout, sys.__stdout__) as out, _taken(sys.stderr, sys.__stderr__) as err:
        yield out, err


@contextmanager
def _taken(stream: IO[str] | None, original: IO[str] | None) -> Generator[int | None, None, None]:
    target, descriptor = _target(stream, original)
    before = None if descriptor is None else _before.get(descriptor)
    if target is None or descriptor is None or before is None:
        yield None
        return
    target.flush()
    held = os.dup(descriptor)
    try:
        os.dup2(before, descriptor)
        yield held
    finally:
        target.flush()
        os.dup2(held, descriptor)
        os.close(held)


@contextmanager
def _redirected(stream: IO[str] | None, original: IO[str] | None, path: Path) -> Generator[None, None, None]:
    """Make `path` what the stream's file descriptor writes to: what child processes print goes there too.

    `original` is used where the stream has no descriptor (a logger may be in its place); where neither
    has one (under test runners), nothing is captured.
    """
    target, descriptor = _target(stream, original)
    if target is None or descriptor is None:
        yield
        return
    target.flush()
    saved = os.dup(descriptor)
    outer = _before.get(descriptor)
    _before[descriptor] = saved
    try:
        file = open_private(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(file, descriptor)
        os.close(file)
        yield
    finally:
        target.flush()
        os.dup2(saved, descriptor)
        os.close(saved)
        del _before[descriptor]
        if outer is not None:
            _before[descriptor] = outer


def _target(stream: IO[str] | None, original: IO[str] | None) -> tuple[IO[str] | None, int | None]:
    """The stream that has a descriptor, and that."""
    target = next((found for found in (stream, original) if _descriptor(found) is not None), None)
    return target, _descriptor(target)


def _descriptor(stream: IO[str] | None) -> int | None:
    try:
        found = stream.fileno() if stream is not None else None
    except (AttributeError, OSError, ValueError):
        return None
    return found if isinstance(found, int) else None
