"""Severities of lines on their way to a template, remembered by their heads where lines come too fast."""

from __future__ import annotations

from scheduler_defs.jobs.log_triage.lines import marks, templates
from scheduler_defs.jobs.log_triage.lines.severity import (
    Severity,
    end_of_level,
    severity_of,
    syslog_severity,
)

_MOST_HEADS = 10_000


def severity_of_line(text: bytes) -> Severity:
    """Of a template, or of a line on its way there: what its marks say, else what its words say."""
    status = marks.http_status_class(text)
    if status is not None:
        return Severity.ERROR if status == 5 else Severity.WARNING
    level = marks.syslog_level(text)
    if level is not None:
        return syslog_severity(level)
    return severity_of(templates.render(text))


class Levels:
    """A bounded memory of severities."""

    def __init__(self) -> None:
        self._by_head: dict[bytes, Severity] = {}

    def by_head(self, line: bytes) -> Severity:
        """`severity_of_line`, remembered for lines that are alike up to their level."""
        head = line[: end_of_level(line)]
        if not head or marks.http_status_class(line):
            return severity_of_line(line)
        severity = self._by_head.get(head)
        if severity is None:
            severity = severity_of_line(line)
            if len(self._by_head) < _MOST_HEADS:
                self._by_head[head] = severity
        return severity
