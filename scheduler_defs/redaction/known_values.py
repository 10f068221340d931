"""Secrets that are known by their value: those of the variables that a command is given."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

HIDDEN = "***"
SHORTEST = 4
"""Characters. Shorter values stand for too much else, so they stay."""
SHORTEST_PART = 8
"""Characters of a line of a value, or of an encoded form, from which on it is hidden, too."""


def hide(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` for each secret, each line of one with several, and their encoded forms.

    Encoded: JSON and Python escapes, percent encoding, base64 (also within more text, as in `user:password`),
    hexadecimal.
    """
    found = {form for secret in set(secrets) for form in _forms(secret)}
    for form in sorted(found, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def _forms(secret: str) -> Iterator[str]:
    value = secret.strip()
    if len(value) < SHORTEST:
        return
    yield from (secret, value)
    lines = [line.strip() for line in value.splitlines()]
    parts = [line for line in lines if len(line) >= SHORTEST_PART] if len(lines) > 1 else []
    yield from parts
    for part in (secret, value, *parts):
        for form in _encoded(part):
            if len(form) >= SHORTEST_PART or form == part:
                yield form


def _encoded(value: str) -> Iterator[str]:
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield json.dumps(json.dumps(value)[1:-1])[1:-1]
    yield repr(value)[1:-1]
    data = value.encode("utf-8", "surrogateescape")
    for percent in (quote(data), quote(data, safe=""), quote_plus(data)):
        yield percent
        yield _small_digits(percent)
    yield data.hex()
    yield data.hex().upper()
    if len(data) >= SHORTEST_PART - 2:
        for before in range(3):
            coded = base64.b64encode(b"\0" * before + data)
            # The first and the last character also hold bits of what stands beside the value.
            middle = coded[(0, 2, 3)[before] : (len(data) + before) * 8 // 6].decode()
            yield from (middle, middle.translate({43: "-", 47: "_"}))


def _small_digits(percent: str) -> str:
    """`%2f` for `%2F`."""
    first, *rest = percent.split("%")
    return "".join([first, *(f"%{part[:2].lower()}{part[2:]}" for part in rest)])
