"""What a plain YAML scalar means: the core schema of YAML 1.2, without its surprises.

Dates, `12:30` and `no` stay text. Numbers remember how they were written, so that a tag `1.10` or an argument
`0x1f` keeps its spelling where text is wanted. `yes`, `off`, `010` mean one thing in YAML 1.1 and another in
1.2: where a boolean or a number is wanted it is said so, elsewhere they are text.
"""

from __future__ import annotations

import re
from typing import Any

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
AMBIGUOUS_BOOLEANS = frozenset(
    each
    for word in ("yes", "no", "on", "off", "true", "false")
    for each in (word, word.title(), word.upper())
) - {"true", "false"}

_FIRST = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
LARGEST = 2**63 - 1


class WrittenInteger(int):
    """An integer that remembers its spelling."""

    raw: str


class WrittenFloat(float):
    """A number that remembers its spelling."""

    raw: str


def resolve(text: str) -> Any:
    """The value of a plain scalar. What no number can hold is text. Raises ValueError
    for NaN, infinities and integers beyond 64 bits."""
    if text in NULLS:
        return None
    if text[0] not in _FIRST:
        return True if text == "true" else False if text == "false" else text
    if _INTEGER.fullmatch(text):
        if len(text) > 24 or abs(number := int(text, 0)) > LARGEST:
            raise ValueError(
                f"{text[:24]} is too large; integers are between -{LARGEST} and {LARGEST}; quote it if text"
                " is meant"
            )
        integer = WrittenInteger(number)
        integer.raw = text
        return integer
    if _FLOAT.fullmatch(text):
        value = WrittenFloat(text)
        if value in (float("inf"), float("-inf")):
            return text  # such as 61e9540, the beginning of a commit's hash
        value.raw = text
        return value
    if _NOT_A_NUMBER.fullmatch(text):
        raise ValueError(f"{text} is not a number that can be compared or stored; quote it if text is meant")
    return text


def as_text(value: Any) -> Any:
    """A scalar as it was written; anything else as it is."""
    if isinstance(value, (WrittenInteger, WrittenFloat)):
        return value.raw
    if value is True:
        return "true"
    if value is False:
        return "false"
    return value


def as_boolean(value: Any) -> Any:
    """Reads YAML 1.1's words for true and false where a boolean is wanted; anything else as it is."""
    if isinstance(value, str) and value in AMBIGUOUS_BOOLEANS:
        return value.lower() in ("yes", "on", "true")
    return value


def plain(value: Any) -> Any:
    """The value with ordinary ints and floats, ready for JSON."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, WrittenInteger):
        return int(value)
    if isinstance(value, WrittenFloat):
        return float(value)
    return value
