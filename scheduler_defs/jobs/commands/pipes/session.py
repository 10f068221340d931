"""Dagster Pipes for guarded commands: what a command reports becomes logs, metadata and materializations.

The context goes in by environment variable and the messages come back through a file, as with Dagster's own
`PipesSubprocessClient`; a command uses `dagster_pipes.open_dagster_pipes()` as usual. One that does not use
Pipes costs nothing and leaves no events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_pipes import PipesContextData, PipesDefaultContextLoader
from dagster_shared.check import CheckError

from scheduler_defs.jobs.commands.pipes.asset_reports import AssetReports
from scheduler_defs.jobs.commands.pipes.messages import MessageFile
from scheduler_defs.jobs.commands.pipes.metadata import harmless, of_messages


class CommandPipes:
    """A Pipes session around one command. Its files lie in `folder`; `reported`: of its own assets."""

    def __init__(
        self,
        context: dg.OpExecutionContext,
        folder: Path,
        extras: Mapping[str, Any],
        reported: AssetReports | None = None,
    ) -> None:
        self._context = context
        self._reported = reported or AssetReports()
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
        results = self._handler.get_reported_results()
        taken = _taken(self._context) if results else ()
        for result in results:
            self._report(result, taken)
        found, refused = of_messages(self._handler.get_custom_messages())
        if refused:
            self._context.log.warning(f"[pipes] set by Signalbox alone, so left out: {', '.join(refused)}")
        for fault in self._reader.faults:
            self._context.log.warning(f"[pipes] {fault}")
        return found

    def _report(
        self, result: dg.MaterializeResult | dg.AssetCheckResult, taken: Collection[dg.AssetKey]
    ) -> None:
        if self._reported.take(result, dict(harmless(result.metadata))):
            return
        if isinstance(result, dg.MaterializeResult):
            assert result.asset_key is not None
            if result.asset_key in taken:
                self._context.log.warning(
                    f"[pipes] left out: asset {result.asset_key.to_user_string()} is made by another job"
                )
                return
            metadata = harmless(result.metadata)
            self._context.log_event(dg.AssetMaterialization(asset_key=result.asset_key, metadata=metadata))
            return
        said = f"[pipes] check {result.check_name} of {result.asset_key}: "
        if result.passed:
            self._context.log.info(said + "passed")
        else:
            self._context.log.warning(said + "failed")


def _taken(context: dg.OpExecutionContext) -> Collection[dg.AssetKey]:
    """Assets that something in the code location makes: nobody else may say that they are made."""
    from scheduler_defs.jobs.reports import BUILT_IN

    reports = {dg.AssetKey(name) for name in BUILT_IN}
    try:
        return reports | context.repository_def.asset_graph.materializable_asset_keys
    except CheckError:  # a job that was not loaded from a code location
        return reports
