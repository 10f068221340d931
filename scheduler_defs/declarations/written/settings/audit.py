"""`audit:` as written."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from scheduler_defs.declarations.written.fields import PositiveDuration, Text, Written, wrong

_PLACE = re.compile(r"/|~/|s3://[a-z0-9]")


class CheckpointEntry(Written):
    """A place outside this machine's reach, or at least outside the state folder."""

    to: Text
    """A folder that begins with / or ~/, or s3://bucket/prefix."""
    mode: Literal["GOVERNANCE", "COMPLIANCE"] | None = None
    """s3: the mode of the object lock; absent: GOVERNANCE."""
    retain: PositiveDuration | None = None
    """s3: how long each checkpoint is locked; absent: 365d."""

    @model_validator(mode="after")
    def is_a_place(self) -> CheckpointEntry:
        if not _PLACE.match(self.to):
            given = f"{self.to[:80]!r} is no folder such as /mnt/audit"
            raise wrong(f"{given} and no bucket such as s3://bucket/audit")
        if not self.to.startswith("s3://") and (self.mode is not None or self.retain is not None):
            raise wrong("mode and retain go with s3://bucket: a folder has no lock")
        return self


class AuditEntry(Written):
    """Where signed checkpoints of the audit go."""

    checkpoints: list[CheckpointEntry] = Field(default_factory=list)
    """Each signed checkpoint goes to all of them within ten minutes; `audit verify` reads them back."""
