"""Placeholders in a command's arguments. No shell is involved: one argument stays one argument. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Anything else in braces (JSON, for example) is left as it is.
_PLACEHOLDER = re.compile(
    r"\{(params\.[A-Za-z_][A-Za-z0-9_]*|run\.id|schedule|scheduled_for|state|project)\}"
)


@dataclass(frozen=True)
class Placeholders:
    """What the placeholders stand for. Runs that no schedule asked for have an empty schedule and time."""

    params: Mapping[str, Any]
    run_id: str
    schedule: str
    scheduled_for: str
    state: Path
    project: Path

    def fill(self, argv: Sequence[str]) -> list[str]:
        """The arguments with every placeholder replaced, in one pass: values are not looked into again."""
        return [_PLACEHOLDER.sub(lambda match: self._value(match[0], match[1]), item) for item in argv]

    def _value(self, written: str, name: str) -> str:
        family, _, key = name.partition(".")
        if family == "params":
            return text(self.params[key]) if key in self.params else written
        return {
            "run": self.run_id,
            "schedule": self.schedule,
            "scheduled_for": self.scheduled_for,
            "state": str(self.state),
            "project": str(self.project),
        }[family]


def text(value: Any) -> str:
    """A parameter's value as a program reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
