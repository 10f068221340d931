"""What programs have written, made fit to be kept: text that Postgres, JSON and terminals can hold. Pure."""

from __future__ import annotations

import math
import re
from typing import Any

LONGEST_TEXT = 20_000
"""Characters of a comment or reason. A TinyTask server takes no request of more than 100 kB."""

LONGEST_KEPT = 24_000
"""The same where it is written: what says that something was cut is not cut off again."""

DEEPEST = 50

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean_text(
    text: str, *, longest: int = LONGEST_TEXT, notes: list[str] | None = None, what: str = "text"
) -> str:
    """`text` without control characters and halves of surrogates (each becomes U+FFFD), cut to `longest`.

    What was cut is said at its end, and in `notes`.
    """
    cleaned = _UNFIT.sub("\ufffd", text)
    if len(cleaned) <= longest:
        return cleaned
    left_out = len(cleaned) - longest
    if notes is not None:
        notes.append(f"{what}: {left_out} characters were cut")
    return f"{cleaned[:longest]}\n[{left_out} more characters were cut]"


def clean(value: Any, notes: list[str] | None = None, depth: int = 0) -> Any:
    """A JSON value that can be stored: texts cleaned, numbers that JSON does not have as null."""
    if depth > DEEPEST:
        if notes is not None:
            notes.append(f"result: what is nested deeper than {DEEPEST} was cut")
        return None
    match value:
        case str():
            return _UNFIT.sub("\ufffd", value)
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {_UNFIT.sub("\ufffd", str(k)): clean(each, notes, depth + 1) for k, each in value.items()}
        case list() | tuple():
            return [clean(each, notes, depth + 1) for each in value]
        case _:
            return value
