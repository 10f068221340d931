"""What the built-in reports may look at, whoever launches them."""

from __future__ import annotations

from scheduler_defs.declarations.models.base import Model

LOG_FILES = ("{state}/logs/*.log*", "/var/log/**")
"""Absent: the stack's own logs and the system's."""


class Reports(Model):
    """Bounds of the built-in reports: a launch stays within them."""

    log_files: tuple[str, ...] = LOG_FILES
    """Globs of files; `{state}` stands for the state folder."""
