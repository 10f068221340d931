"""What is counted together."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from scheduler_defs.jobs.log_triage.lines.severity import Severity

MOST_SOURCES = 5


@dataclass(eq=False, slots=True)
class Group:
    """Messages of one severity and one template. `example` and `template` are redacted."""

    severity: Severity
    template: str
    example: str = ""
    count: int = 0
    first_seen: dt.datetime | None = None
    last_seen: dt.datetime | None = None
    sources: list[str] = field(default_factory=list)
    """The first few files with such messages."""
    other: bool = False
    """Stands for all groups of this severity beyond the limit."""
    merged_into: Group | None = None
    """The group that counts for this one since a word in which they differ turned out to vary."""

    def take_over(self, other: Group) -> None:
        """Count what `other` has counted so far, and be what it stands for."""
        self.count += other.count
        self.example = self.example or other.example
        seen = [each for each in (self.first_seen, other.first_seen) if each is not None]
        self.first_seen = min(seen, default=None)
        seen = [each for each in (self.last_seen, other.last_seen) if each is not None]
        self.last_seen = max(seen, default=None)
        for source in other.sources:
            if len(self.sources) < MOST_SOURCES and source not in self.sources:
                self.sources.append(source)
        other.merged_into = self
