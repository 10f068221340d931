"""The messages of a command, read from a file. Whatever it writes there neither fails nor floods its run."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_pipes import PipesDefaultMessageWriter, PipesParams
from typing_extensions import override

from scheduler_defs.text import shortened, storable_value

LONGEST_MESSAGE_BYTES = 16 * 1024 * 1024
MOST_MESSAGES = 1000
"""Of one kind (log lines, materializations, ...) that a command's run stores; the others are counted."""

LONGEST_LOG = 10_000
"""Characters of one log message."""

_MOST_FAULTS = 10
_KINDS: Mapping[str, str] = {
    "log": "log messages",
    "report_asset_materialization": "materializations",
    "report_asset_check": "asset checks",
    "report_custom_message": "custom messages",
}


class MessageFile(dg.PipesMessageReader):
    """Reads the messages in the thread that waits for the command: no thread, no polling of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._partial = b""
        self._handler: dg.PipesMessageHandler | None = None
        self._counts: Counter[str] = Counter()
        self._faults: list[str] = []

    @property
    def faults(self) -> list[str]:
        """What could not be read, and how much was too much, one line each."""
        left_out = [
            f"{count - MOST_MESSAGES:,} more {_KINDS.get(method, method)} are left out"
            f" (a run stores {MOST_MESSAGES:,})"
            for method, count in self._counts.items()
            if count > MOST_MESSAGES
        ]
        return self._faults + left_out

    @override
    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        self._handler = handler
        self._path.touch(mode=0o600)
        yield {
            PipesDefaultMessageWriter.FILE_PATH_KEY: str(self._path),
            PipesDefaultMessageWriter.INCLUDE_STDIO_IN_MESSAGES_KEY: False,
        }

    def poll(self) -> None:
        """Handle the messages that are complete by now."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while data := file.read(1 << 20):
                    self._offset += len(data)
                    self._take(data)
        except FileNotFoundError:  # the command has removed it
            return

    def _take(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > LONGEST_MESSAGE_BYTES:
            self._partial = b""
            self._note(f"a message of more than {LONGEST_MESSAGE_BYTES} bytes")
        for line in lines:
            if line.strip():
                self._handle(line)

    def _handle(self, line: bytes) -> None:
        assert self._handler is not None
        try:
            message = storable_value(json.loads(line))
            method = message["method"]
            if method == "log_external_stream":  # its output is captured already
                return
            self._counts[method] += 1
            if self._counts[method] <= MOST_MESSAGES:
                self._handler.handle_message(_bounded(message))
        except Exception as error:
            # Whatever a command writes there must not fail its run.
            self._note(f"unreadable message: {line[:80]!r}: {type(error).__name__}: {str(error)[:200]}")

    def _note(self, fault: str) -> None:
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(fault)

    @property
    @override
    def expected_writer_count(self) -> int:
        # A command may be a script of many programs, each of which opens and closes Pipes.
        return sys.maxsize

    @override
    def no_messages_debug_text(self) -> str:
        return f"Messages are read from {self._path}."


def _bounded(message: Any) -> Any:
    if message["method"] != "log":
        return message
    params = message["params"]
    return {**message, "params": {**params, "message": shortened(params["message"], LONGEST_LOG)}}
