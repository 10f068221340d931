"""Dagster Pipes for guarded commands: what a command reports becomes logs, metadata and materializations.

The context goes in by environment variable and the messages come back through a file, as with Dagster's own
`PipesSubprocessClient`; a command uses `dagster_pipes.open_dagster_pipes()` as usual. One that does not use
Pipes costs nothing and leaves no events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_pipes import PipesContextData, PipesDefaultContextLoader, PipesDefaultMessageWriter, PipesParams
from typing_extensions import override

LONGEST_MESSAGE_BYTES = 16 * 1024 * 1024
MOST_METADATA = 100


class MessageFile(dg.PipesMessageReader):
    """Reads the messages in the thread that waits for the command: no thread, no polling of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._partial = b""
        self._handler: dg.PipesMessageHandler | None = None
        self.faults: list[str] = []
        """What could not be read, one line each."""

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
            self._handler.handle_message(json.loads(line))
        except Exception as error:
            # Whatever a command writes there must not fail its run.
            self._note(f"{line[:80]!r}: {type(error).__name__}: {str(error)[:200]}")

    def _note(self, fault: str) -> None:
        if len(self.faults) < 10:
            self.faults.append(fault)

    @property
    @override
    def expected_writer_count(self) -> int:
        return 1

    @override
    def no_messages_debug_text(self) -> str:
        return f"Messages are read from {self._path}."


class CommandPipes:
    """A Pipes session around one command. Its files lie in `folder`."""

    def __init__(self, context: dg.OpExecutionContext, folder: Path, extras: Mapping[str, Any]) -> None:
        self._context = context
        self._reader = MessageFile(folder / "messages")
        self._handler = dg.PipesMessageHandler(context, self._reader)
        self._data = PipesContextData(
            asset_keys=None,
            code_version_by_asset_key=None,
            provenance_by_asset_key=None,
            partition_key=None,
            partition_key_range=None,
            partition_time_window=None,
            run_id=context.run_id,
            job_name=context.job_name,
            retry_number=context.retry_number,
            extras=extras,
        )
        self.environment: Mapping[str, str] = {}

    @contextmanager
    def opened(self) -> Iterator[CommandPipes]:
        """`environment` holds what the command must be given."""
        with self._handler.handle_messages() as messages:
            context_params = {PipesDefaultContextLoader.DIRECT_KEY: self._data}
            session = dg.PipesSession(self._data, self._handler, context_params, messages, self._context)
            self.environment = session.get_bootstrap_env_vars()
            yield self

    def poll(self) -> None:
        """Called now and then while the command runs."""
        self._reader.poll()

    def finish(self) -> dict[str, Any]:
        """After the command's end: what is left, and the metadata that it has reported."""
        self._reader.poll()
        for fault in self._reader.faults:
            self._context.log.warning(f"[pipes] unreadable message: {fault}")
        for result in self._handler.get_reported_results():
            self._report(result)
        return self._metadata()

    def _report(self, result: dg.MaterializeResult | dg.AssetCheckResult) -> None:
        if isinstance(result, dg.MaterializeResult):
            assert result.asset_key is not None
            self._context.log_event(
                dg.AssetMaterialization(asset_key=result.asset_key, metadata=dict(result.metadata or {}))
            )
            return
        said = f"[pipes] check {result.check_name} of {result.asset_key}: "
        if result.passed:
            self._context.log.info(said + "passed")
        else:
            self._context.log.warning(said + "failed")

    def _metadata(self) -> dict[str, Any]:
        """Custom messages: mappings are metadata by their keys, anything else is listed under `messages`."""
        found: dict[str, Any] = {}
        others: list[Any] = []
        for message in self._handler.get_custom_messages():
            if isinstance(message, dict):
                found.update(message)
            else:
                others.append(message)
        kept = dict(list(found.items())[:MOST_METADATA])
        return {"messages": others[:MOST_METADATA], **kept} if others else kept
