"""Text from outside, made fit for where it goes: databases, JSON answers and terminals. Pure.

Postgres stores no NUL, and no encoder writes half of a UTF-16 pair (a lone surrogate): one such character in
a log line, a tag or a file name would otherwise fail whoever writes or reads it. Both become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# An escaped backslash, a whole pair, or half of one: only the last is faulty.
_ESCAPED = re.compile(r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F]..")
_HALF = 6  # characters of one escape
# C0 and C1 controls, and what turns the direction of text: a terminal would obey them.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def storable(text: str) -> str:
    """`text` with U+FFFD for each NUL and each lone surrogate."""
    return _UNSTORABLE.sub("\ufffd", text)


def storable_value(value: Any) -> Any:
    """A JSON value whose texts, keys included, are `storable`."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable_value(key): storable_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_value(item) for item in value]
    return value


def storable_json(document: str) -> str:
    """A JSON document in ASCII, without lone surrogates. Its NULs are escapes, and may stay."""
    if "\\ud" not in document and "\\uD" not in document:
        return document
    return _ESCAPED.sub(
        lambda found: r"\ufffd" if len(found[0]) == _HALF else found[0],
        document,
    )


def visible(text: str, *, lines: bool = False) -> str:
    r"""`text` with control characters shown as escapes (`\x1b`, `\n`), so that no terminal obeys them.

    With `lines`, line breaks and tabs stay: for what is meant to have lines.
    """
    if lines:
        return _CONTROL.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found), text)
    return _CONTROL.sub(_escape, text)


def shortened(text: str, most: int) -> str:
    """At most `most` characters of `text`, with a mark where something is left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
