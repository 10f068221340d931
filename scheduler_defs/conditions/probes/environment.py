"""Environment variables of the process that evaluates schedules."""

from __future__ import annotations

import os
import re

from scheduler_defs.conditions.registry import Look, probe

_SECRET_NAME = re.compile(
    r"(?i)pass|pwd|secret|token|key|credential|auth|private|session|cookie|dsn|(?:^|_)url$"
)


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name is never shown: passwords, tokens, keys, URLs with a password."""
    return _SECRET_NAME.search(name) is not None


def _name_fault(argument: str) -> str | None:
    return None if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", argument) else f"{argument!r} is no variable name"


@probe("env", argument="name", kind="text", check=_name_fault)
def environment_variable(name: str, look: Look) -> str | None:
    """Value of the variable; nothing when it is not set. Hidden when its name speaks of a secret."""
    return os.environ.get(name)
