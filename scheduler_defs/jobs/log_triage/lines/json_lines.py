"""Log lines that are JSON objects: their level and their message, at the price of a few byte searches.

Parsing every line as JSON would take longer than there is time. The first line shows which fields this
program uses; after that the values are cut out between quotes, and a line that does not fit is parsed
properly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from scheduler_defs.jobs.log_triage.lines.severity import Severity, named_severity

_JSON_LINE = re.compile(rb"(\n\{[^\n]*)")
_MESSAGE_FIELDS = ("message", "msg", "MESSAGE", "@message", "short_message", "event", "log", "text", "error")
_LEVEL_FIELDS = (
    "level",
    "severity",
    "levelname",
    "lvl",
    "log.level",
    "loglevel",
    "@level",
    "SEVERITY",
    "PRIORITY",
    "priority",
)
_LEVEL_NAME = re.compile(rb'[\s"]{0,4}([A-Za-z]{1,13}|\d{1,2})(?![A-Za-z0-9])')
_LOOSE_LEVEL = re.compile(
    rb'"(?:log\.)?(?:level|severity|levelname|lvl)"\s{0,4}:\s{0,4}"?([A-Za-z0-9]{1,13})'
)
_LOOSE_MESSAGE = re.compile(rb'"(?:message|msg)"\s{0,4}:\s{0,4}"((?:[^"\\]|\\.)*)')
_NAME_BYTES = 12
_NUMBER_BYTES = 4
"""How much of a level's value is looked at: little, or what follows it makes equal levels differ."""
_BETWEEN = (b"", b" ")
"""What may stand between a field's colon and the opening quote of its value."""
_SHOWN_FIELDS = 12


def split_json_lines(block: bytes) -> tuple[bytes, list[bytes]]:
    """The lines of `block` that are not JSON objects, as a block, and those that look as if they were."""
    if b"{" not in block or not (block.startswith(b"{") or b"\n{" in block):
        return block, []
    parts = _JSON_LINE.split(b"\n" + block)
    text = b"".join(parts[::2])
    return text.removeprefix(b"\n"), [part[1:] for part in parts[1::2]]


class JsonLines:
    """Reads (level, message) out of JSON lines; remembers the field names that the last parsed line used."""

    def __init__(self) -> None:
        self._message = b'"message":'
        self._level = b'"level":'
        self._level_bytes = _NAME_BYTES

    def parse(self, lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """One (start of the level's value, message) per line. `severity` reads the first.

        The first is empty when there is no level; the message may still be JSON-escaped.
        """
        for line in lines:
            level_at = line.find(self._level)
            if level_at >= 0:
                before, _, rest = line.partition(self._message)
                pieces = rest.split(b'"', 2)
                # Behind another brace both may be those of an object within.
                inner = line.find(b"{", 1, max(level_at, len(before)))
                if inner < 0 and len(pieces) == 3 and pieces[0] in _BETWEEN and not pieces[1].endswith(b"\\"):
                    level_at += len(self._level)
                    yield line[level_at : level_at + self._level_bytes], pieces[1]
                    continue
            yield self._learn(line)

    @staticmethod
    def severity(level: bytes) -> Severity | None:
        """What the level's name or number, which `level` starts with, stands for."""
        name = _LEVEL_NAME.match(level)
        return named_severity(name[1].decode()) if name else None

    def _learn(self, line: bytes) -> tuple[bytes, bytes]:
        fields = _parsed(line)
        if fields is None:
            return _salvaged(line)
        message_field = _first(fields, _MESSAGE_FIELDS)
        level_field = _first(fields, _LEVEL_FIELDS)
        if message_field is None:
            names = ", ".join(list(fields)[:_SHOWN_FIELDS])
            message = f"({names})".encode(errors="replace")
        else:
            text = fields[message_field]
            if text.startswith("{") and (inner := _parsed(text.encode(errors="replace"))):
                return self._learn_inner(inner, text)
            message = text.rstrip("\n").encode(errors="replace")
            self._message = b'"%s":' % message_field.encode()
        level = b""
        if level_field is not None:
            level = str(fields[level_field]).encode(errors="replace")
            self._level = b'"%s":' % level_field.encode()
            self._level_bytes = _NAME_BYTES if isinstance(fields[level_field], str) else _NUMBER_BYTES
        return level, message

    @staticmethod
    def _learn_inner(fields: dict[str, Any], text: str) -> tuple[bytes, bytes]:
        """A container runtime's line around a program's own JSON line."""
        message_field = _first(fields, _MESSAGE_FIELDS)
        level_field = _first(fields, _LEVEL_FIELDS)
        message = fields[message_field] if message_field else text
        level = str(fields[level_field]) if level_field else ""
        return level.encode(errors="replace"), message.rstrip("\n").encode(errors="replace")


def _salvaged(line: bytes) -> tuple[bytes, bytes]:
    """Level and message of a line that is not valid JSON, perhaps because it was cut."""
    level = _LOOSE_LEVEL.search(line)
    message = _LOOSE_MESSAGE.search(line)
    return level[1] if level else b"", message[1] if message else line


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            if name in _MESSAGE_FIELDS and not isinstance(value, str):
                continue
            return name
    return None
