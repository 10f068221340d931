"""`retries:` as written, wherever it may stand."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from scheduler_defs.declarations.written.fields import Duration, Flag, Written, either, one_or_many, wrong

Cause = Literal["timeout", "worker_lost", "error", "exit_code"]


def _read_cause(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= 255:
            raise wrong(f"the exit code {int(value)} is out of range; failures have 1 to 255")
        return int(value)
    if value in ("timeout", "worker_lost", "error", "exit_code"):
        return value
    raise wrong(f"{value!r} is unknown; allowed are timeout, worker_lost, error, exit_code and exit codes")


Causes = Annotated[
    list[Annotated[int | str, BeforeValidator(_read_cause)]],
    BeforeValidator(one_or_many),
    either(
        {
            "anyOf": [
                {"enum": ["timeout", "worker_lost", "error", "exit_code"]},
                {"type": "integer", "minimum": 1, "maximum": 255},
            ]
        }
    ),
]


class RetriesEntry(Written):
    """Attempts after a failure."""

    max_attempts: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Attempts in total, the first one included."""
    backoff: Literal["none", "fixed", "exponential"] = "exponential"
    """Wait before the next attempt: none, base, or base x 2^(n-1)."""
    base: Duration = dt.timedelta(seconds=60)
    """The first wait."""
    cap: Duration = dt.timedelta(hours=1)
    """The longest wait."""
    jitter: Flag = False
    """Draw each wait between half of it and all of it."""
    retry_on: Causes | None = None
    """Which failures: timeout, worker_lost, error, exit_code, or exit codes. Absent: all."""
