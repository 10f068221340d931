"""journald's export format: what `journalctl -o export` and systemd-journal-remote write.

Entries apart by blank lines; a field is `NAME=value`, or, when the value has line breaks, `NAME`, the length
as 64-bit little-endian number, and the value (systemd: JOURNAL_EXPORT_FORMATS).
"""

from __future__ import annotations

from collections.abc import Iterator

from scheduler_defs.jobs.log_triage.lines.cleaning import clean
from scheduler_defs.jobs.log_triage.lines.wrappers import Unwrapped

_FIRST_FIELDS = (b"__CURSOR=", b"__REALTIME_TIMESTAMP=", b"_BOOT_ID=")
_LENGTH_BYTES = 8
_LONGEST_ENTRY = 1 << 20


def is_journal(block: bytes) -> bool:
    """Whether a block begins with an entry."""
    return block.startswith(_FIRST_FIELDS)


def whole_entries(block: bytes) -> int:
    """Where the last entry of a block begins: it may go on in the next one."""
    place = block.rfind(b"\n\n__CURSOR=")
    if place < 0:
        return 0 if len(block) < _LONGEST_ENTRY else len(block)
    return place + 2


def read_journal(block: bytes) -> Unwrapped:
    """The messages line by line, as a program would have written them.

    What a service printed (`_TRANSPORT=stdout`) has the same priority whatever it says, so that is left out;
    other messages have theirs and their program's name in front, as in syslog.
    """
    found = Unwrapped()
    for fields in _entries(block):
        message = fields.get(b"MESSAGE")
        if message is None:
            continue
        name, level = fields.get(b"SYSLOG_IDENTIFIER", b""), fields.get(b"PRIORITY", b"")
        head = b""
        if fields.get(b"_TRANSPORT") != b"stdout" and level.isdigit():
            head = b"<%b>%b: " % (level, name or b"-")
        for line in clean(message).split(b"\n"):
            found.add(head + line, fields.get(b"__REALTIME_TIMESTAMP", b"") + b" ")
    return found


def _entries(block: bytes) -> Iterator[dict[bytes, bytes]]:
    fields: dict[bytes, bytes] = {}
    place = 0
    while place < len(block):
        end = block.find(b"\n", place)
        end = len(block) if end < 0 else end
        line = block[place:end]
        name, equals, value = line.partition(b"=")
        place = end + 1
        if not line:
            yield fields
            fields = {}
            continue
        if not equals:
            size = int.from_bytes(block[place : place + _LENGTH_BYTES], "little")
            value = block[place + _LENGTH_BYTES : place + _LENGTH_BYTES + size]
            place += _LENGTH_BYTES + size + 1
        fields[name] = value
    yield fields
