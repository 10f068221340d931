"""Lines that a runtime wrapped around those of the program: taken out, with the time that it noted.

CRI (`2026-03-01T10:00:00Z stdout F …`), Docker's json-file (`{"log": …, "stream": …, "time": …}`), Docker
Compose (`web-1  | …`), syslog around JSON; `journal` reads journald's export format. Lines that a runtime cut
(CRI's `P`, json-file's missing line break) are put together again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from scheduler_defs.jobs.log_triage.lines.cleaning import clean

_CRI = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d))"
    rb" (?:stdout|stderr) ([FP])(?:[:\w]*) ?"
)
_COMPOSE = re.compile(rb"[\w.-]{1,60}-\d{1,4} +\| ?")
_DOCKER = re.compile(
    rb'\{"log":"((?:[^"\\]|\\.)*)","stream":"(?:stdout|stderr)"(?:,"attrs":\{[^{}]*\})?,"time":"([^"]{1,40})"\}'
)
_DOCKER_START = b'{"log":"'
_SYSLOG_JSON = re.compile(
    rb"(?:<\d{1,3}>)?((?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.,+Z-]{8,24}))"
    rb' \S{1,80} [\w./@-]{1,60}(?:\[\d{1,9}\])?: (?=\{".*\}$)'
)
_MESSAGE_FIELD = re.compile(rb'"(?:message|msg|MESSAGE|short_message|event)"\s?:')

_Reader = Callable[[bytes], tuple[bytes, bytes, bool]]
"""A line to the program's text, the time that the runtime noted, and whether the text ends there."""


@dataclass
class Unwrapped:
    """The program's own lines; `stamps` begin with the time at which each was written."""

    lines: list[bytes] = field(default_factory=list[bytes])
    stamps: list[bytes] = field(default_factory=list[bytes])

    @classmethod
    def plain(cls, block: bytes) -> Unwrapped:
        """Lines that nothing is wrapped around."""
        lines = block.split(b"\n") if block else []
        return cls(lines, [line[:200] for line in lines])

    def __add__(self, other: Unwrapped) -> Unwrapped:
        return Unwrapped(self.lines + other.lines, self.stamps + other.stamps) if self.lines else other

    def after(self, place: int) -> Unwrapped:
        """What comes from this line on."""
        return Unwrapped(self.lines[place:], self.stamps[place:])

    def add(self, line: bytes, stamp: bytes) -> None:
        self.lines.append(line)
        self.stamps.append(stamp)


def unwrap(block: bytes) -> Unwrapped | None:
    """The lines of a block that a runtime wrapped; None when it looks like a program's own."""
    if _CRI.match(block):
        return _each(block, _of_cri)
    if block.startswith(_DOCKER_START):
        return _each(block, _of_docker)
    if _COMPOSE.match(block):
        return _each(block, _of_compose)
    if b']: {"' in block[:4096] and _SYSLOG_JSON.search(block[:4096]):
        return _each(block, _of_syslog)
    return None


def _each(block: bytes, read: _Reader) -> Unwrapped:
    found = Unwrapped()
    begun, begun_at = b"", b""
    for line in block.split(b"\n"):
        text, stamp, ends = read(line)
        if begun:
            text, stamp = begun + text, begun_at
        begun, begun_at = (b"", b"") if ends else (text, stamp)
        if ends:
            found.add(text, stamp or line[:200])
    if begun:
        found.add(begun, begun_at)
    return found


def _of_cri(line: bytes) -> tuple[bytes, bytes, bool]:
    match = _CRI.match(line)
    if match is None:
        return line, b"", True
    return line[match.end() :], match[1], match[2] == b"F"


def _of_docker(line: bytes) -> tuple[bytes, bytes, bool]:
    match = _DOCKER.fullmatch(line)
    if match is None:
        return line, b"", True
    text, ends = match[1].removesuffix(b"\\n"), match[1].endswith(b"\\n")
    if b"\\" in text:
        text = json.loads(b'"%b"' % text, strict=False).encode(errors="replace")
        text = clean(text).replace(b"\n", b" ")
    return text, match[2], ends


def _of_compose(line: bytes) -> tuple[bytes, bytes, bool]:
    match = _COMPOSE.match(line)
    text = line[match.end() :] if match else line
    return text, text[:200], True


def _of_syslog(line: bytes) -> tuple[bytes, bytes, bool]:
    match = _SYSLOG_JSON.match(line)
    if match is None or not _MESSAGE_FIELD.search(line):
        return line, line[:200], True
    return line[match.end() :], match[1], True
