"""`retention:`, from what is written to what is in force."""

from __future__ import annotations

from scheduler_defs.declarations.models.settings.retention import Keep, Retention, RetentionRule
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.explaining import read_entry
from scheduler_defs.declarations.written.settings.retention import (
    KeepEntry,
    RetentionEntry,
    RetentionRuleEntry,
)


def build_retention(entries: list[Entry]) -> Retention:
    """What is kept how long. Declared in one place, so that what goes can be read there."""
    for entry in entries[1:]:
        entry.fault(f"retention is declared already, by {entries[0].position}")
    written = read_entry(entries[0], RetentionEntry) if entries else None
    if written is None or entries[0].faulty:
        return Retention()
    runs = _keep(written.runs, Keep()) if written.runs else Keep()
    plain = written.model_dump(exclude={"runs", "rules"})
    return Retention(runs=runs, rules=tuple(_rule(each, runs) for each in written.rules), **plain)


def _rule(written: RetentionRuleEntry, runs: Keep) -> RetentionRule:
    return RetentionRule(
        jobs=tuple(written.jobs or ()),
        schedules=tuple(written.schedules or ()),
        status=tuple(written.status or ()),
        keep=_keep(written, runs),
    )


def _keep(written: KeepEntry, otherwise: Keep) -> Keep:
    return Keep(
        age=otherwise.age if written.age is None else written.age,
        most=otherwise.most if written.most is None else written.most,
    )
