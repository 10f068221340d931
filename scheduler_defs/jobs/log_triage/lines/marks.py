"""What must be known of a line after its numbers and quoted values are gone: kept as marks, one byte each."""

from __future__ import annotations

import re

_HTTP_STATUS = re.compile(rb'HTTP/[0-9.]{1,4}" ([45])')
_STATUS_MARKS = {b"4": b'HTTP" \x044', b"5": b'HTTP" \x055'}
CLIENT_ERROR = b"\x04"
SERVER_ERROR = b"\x05"

_PRIORITY = re.compile(rb"(?:^|(?<=\n))<(\d{1,3})>")
PRIORITY_MARK = re.compile(rb"^<\x06([a-h])>")

_LOGFMT = re.compile(rb"""\b(msg|message|err|error|reason)="((?:[^"\\\n]|\\.)*)\"""")


def mark_meanings(block: bytes) -> bytes:
    """`block` with all that is told by its numbers and quotes marked."""
    return mark_messages(mark_priorities(mark_statuses(block)))


def mark_messages(block: bytes) -> bytes:
    """Take the message of logfmt lines out of its quotes: it is no value, but what the line says."""
    if b'msg="' in block:
        return _LOGFMT.sub(rb"\1=\2", block.replace(b'\\"', b"'"))
    return block


def mark_statuses(block: bytes) -> bytes:
    """Keep the class of HTTP statuses 4xx and 5xx in access logs apart, before digits are dropped."""
    if b"HTTP/" not in block:
        return block
    return _HTTP_STATUS.sub(lambda match: _STATUS_MARKS[match[1]], block)


def mark_priorities(block: bytes) -> bytes:
    """Keep the severity in syslog priorities (`<34>` at the start of a line), before digits are dropped."""
    if b"<" not in block or not (block.startswith(b"<") or b"\n<" in block):
        return block
    return _PRIORITY.sub(lambda match: b"<\x06%c>" % (97 + (int(match[1]) & 7)), block)


def syslog_level(text: bytes) -> int | None:
    """0 (emergency) to 7 (debug) when `mark_priorities` marked the line, else None (RFC 5424, 6.2.1)."""
    match = PRIORITY_MARK.match(text)
    return match[1][0] - 97 if match else None


def http_status_class(text: bytes) -> int | None:
    """4 or 5 when `mark_statuses` marked the line, else None."""
    if SERVER_ERROR in text:
        return 5
    return 4 if CLIENT_ERROR in text else None
