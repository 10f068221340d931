"""What an agent itself says about its task: through Dagster Pipes, or in the file `SIGNALBOX_REPORT_FILE`.

    {"status": "complete" | "failed" | "retry", "reason": "...", "result": ..., "comments": ["..."]}

All are optional. Through Pipes it is the value of a custom message's key `task`. Its word counts more than
the exit code: `failed` gives the task up, `retry` counts a failed attempt, `complete` completes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from scheduler_defs.matching import Ending

LARGEST_BYTES = 1_048_576


class AgentReport(BaseModel):
    """One agent's report; the default says nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["complete", "failed", "retry"] | None = None
    reason: str = ""
    result: Any = None
    comments: tuple[str, ...] = ()
    fault: str = ""
    """Why the report cannot be read."""

    def ending(self, otherwise: Ending) -> Ending:
        """How the work ended, given how the command did."""
        match self.status:
            case None:
                return otherwise
            case "complete":
                return Ending.SUCCESS
            case "failed" | "retry":
                return Ending.ERROR


def read_report(path: Path, piped: Mapping[str, Any]) -> AgentReport:
    """The report from the file, or else from the custom messages of Pipes."""
    try:
        text = path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else None
    except OSError:
        text = b""
    if text is None:
        return AgentReport(fault=f"the report has more than {LARGEST_BYTES} bytes")
    try:
        document = json.loads(text) if text.strip() else piped.get("task", {})
        return AgentReport.model_validate(document)
    except (ValidationError, ValueError) as error:
        return AgentReport(fault=f"the report cannot be read: {str(error).splitlines()[0]}")
