"""`audit:`, from what is written to what is in force."""

from __future__ import annotations

from scheduler_defs.declarations.models.settings.audit import Audit, CheckpointDestination
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.explaining import read_entry
from scheduler_defs.declarations.written.settings.audit import AuditEntry


def build_audit(entries: list[Entry]) -> Audit:
    """The destinations of all files."""
    written = [each for entry in entries if (each := read_entry(entry, AuditEntry)) is not None]
    return Audit(
        checkpoints=tuple(
            CheckpointDestination.model_validate(place.model_dump(exclude_none=True))
            for each in written
            for place in each.checkpoints
        )
    )
