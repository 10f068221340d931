"""What all models of declarations share."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

Scalar = bool | int | float | str


class Model(BaseModel):
    """Frozen, and closed: a key that is not declared is an error."""

    # Validators are built when first needed: most models are never validated, and building takes time.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)


class Position(Model):
    """Where something is written. Lines and columns count from 1; `file` is like `config/schedules.yaml`."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(Model):
    """One fault: where it is, which key it is about, what is wrong and what is allowed."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class Backoff(StrEnum):
    """How long to wait before attempt n + 1, given that attempt n has failed."""

    NONE = "none"
    """No wait."""
    FIXED = "fixed"
    """`base`, every time."""
    EXPONENTIAL = "exponential"
    """`base` x 2^(n-1), at most `cap`."""


class Retries(Model):
    """Attempts after a failure. `max_attempts` is the total, the first one included."""

    max_attempts: int = 1
    backoff: Backoff = Backoff.EXPONENTIAL
    base: dt.timedelta = dt.timedelta(seconds=60)
    cap: dt.timedelta = dt.timedelta(hours=1)
    jitter: bool = False
    retry_on: tuple[str | int, ...] = ()
    """`timeout`, `worker_lost`, `error`, `exit_code`, or exit codes. Empty: any failure."""
