"""Of like lines the one that is shown, the part of it that tells the time, and where lines are remembered."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scheduler_defs.jobs.log_triage.grouping.groups import Group
from scheduler_defs.jobs.log_triage.lines.cleaning import JOINT
from scheduler_defs.redaction import redact

_EXAMPLE_LENGTH = 500
_LOOK_BACK = 20
"""Lines without a time (exceptions after their traceback) take that of a line at most this far above."""
_SOME_TIME = re.compile(rb"\d:\d\d|^\[?1\d{9}")
_TIMED_BYTES = 200
_TIMED_JSON_BYTES = 1024
_LONGEST_KEY = 512


def timed(lines: Sequence[bytes], index: int) -> bytes:
    """The start of the line itself, or of the nearest one above it that shows a time."""
    line = lines[index]
    if line.startswith(b"{"):
        return line[:_TIMED_JSON_BYTES]
    if not line[:2].isdigit():
        for above in range(index, max(-1, index - _LOOK_BACK), -1):
            if _SOME_TIME.search(lines[above], 0, _TIMED_BYTES):
                return lines[above][:_TIMED_BYTES]
    return line[:_TIMED_BYTES]


def example(line: bytes) -> str:
    """One message as it was written, redacted before it is cut; of a traceback the last line stays."""
    head, _, exception = line[:8000].partition(JOINT)
    text = redact(head[:4000].decode("utf-8", errors="replace").strip())
    if exception:
        last = redact(exception.decode("utf-8", errors="replace").strip()).replace(JOINT.decode(), "|")
        last = _cut(last, _EXAMPLE_LENGTH // 2)
        return f"{_cut(text, _EXAMPLE_LENGTH - len(last) - 3)} | {last}"
    return _cut(text, _EXAMPLE_LENGTH)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


class Cache(dict[bytes, Group]):
    """A bounded memory: forgets everything when it is full, does not keep long keys."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def put(self, key: bytes, group: Group) -> None:
        if len(key) > _LONGEST_KEY:
            return
        if len(self) >= self._limit:
            self.clear()
        self[key] = group
