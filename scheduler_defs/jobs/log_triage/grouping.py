"""Groups: messages that differ only in what varies, counted together.

`Grouper.add` takes a block of complete lines, because work done once per block in C is what makes this
fast: 50 MB/s leave 2.5 µs for a line, less than a Python function with two regular expressions. So a block
goes through `templates` as a whole, and a line is looked at on its own only when nothing like it was seen
before.

Memory is bounded: the caches forget, and groups beyond `max_groups` per severity are counted as one "other"
group.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler_defs.jobs.log_triage import templates
from scheduler_defs.jobs.log_triage.json_lines import JsonLines, split_json_lines
from scheduler_defs.jobs.log_triage.severity import (
    Severity,
    end_of_level,
    severity_of,
    stated_severity,
    syslog_severity,
)
from scheduler_defs.jobs.log_triage.timestamps import timestamp
from scheduler_defs.redaction import redact

_EXAMPLE_LENGTH = 500
_LOOK_BACK = 20
"""Lines without a time (exceptions after their traceback) take that of a line at most this far above."""
_SOME_TIME = re.compile(rb"\d:\d\d|^\[?1\d{9}")
_TIMED_BYTES = 200
_TIMED_JSON_BYTES = 1024
_REMEMBER_EVERY = 8
_MOST_UNUSUAL = 250
"""Lines of a block that are worked out though they end in an "other" group; more go there directly."""
_MOST_HEADS = 10_000
_LONGEST_KEY = 512
_MAX_SOURCES = 5


@dataclass(eq=False, slots=True)
class Group:
    """Messages of one severity and one template. `example` and `template` are redacted."""

    severity: Severity
    template: str
    example: str = ""
    count: int = 0
    first_seen: dt.datetime | None = None
    last_seen: dt.datetime | None = None
    sources: list[str] = field(default_factory=list)
    """The first few files with such messages."""
    other: bool = False
    """Stands for all groups of this severity beyond the limit."""


class Grouper:
    """Counts lines by group. For each file: `begin`, any number of `add`, `end`. Not thread-safe."""

    def __init__(self, *, max_groups: int = 1000, max_cached: int = 40_000) -> None:
        self.lines = 0
        """Messages counted, blank and continuation lines not included."""
        self.continuations = 0
        """Indented lines without a time or a level: parts of the message above them."""
        self._max_groups = max_groups
        self._by_identity: dict[tuple[Severity, str], Group] = {}
        self._others = {severity: Group(severity, "(other)", other=True) for severity in Severity}
        self._per_severity: Counter[Severity] = Counter()
        self._continuation = Group(Severity.UNKNOWN, "")
        self._blank = Group(Severity.UNKNOWN, "")
        self._silent = {self._continuation, self._blank}
        self._templates = templates.Templates()
        self._by_letters = _Cache(max_cached)
        self._by_collapsed = _Cache(max_cached)
        self._by_template = _Cache(max_cached)
        self._by_head: dict[bytes, Severity] = {}
        self._json = JsonLines()
        self._source = ""
        self._written = dt.datetime.now(dt.UTC)
        self._sightings: dict[Group, tuple[bytes, bytes]] = {}

    def groups(self) -> Iterator[Group]:
        """All groups with at least one message, the "other" ones included, in no order."""
        yield from self._by_identity.values()
        yield from (group for group in self._others.values() if group.count)

    def begin(self, source: str, *, written: dt.datetime) -> None:
        """Lines that follow are of this file; `written`: its last change, and the zone of its times."""
        self._source = source
        self._written = written
        self._sightings = {}

    def add(self, block: bytes) -> None:
        """Count the lines of `block`: complete lines, without the last line break."""
        text, json_lines = split_json_lines(block)
        if text:
            self._add_text(text)
        if json_lines:
            self._add_json(json_lines)

    def end(self) -> None:
        """Work out when the groups of this file were seen, and where."""
        for group, lines in self._sightings.items():
            for line in lines:
                instant = timestamp(line, written=self._written) or self._written
                if group.first_seen is None or instant < group.first_seen:
                    group.first_seen = instant
                if group.last_seen is None or instant > group.last_seen:
                    group.last_seen = instant
            if len(group.sources) < _MAX_SOURCES and self._source not in group.sources:
                group.sources.append(self._source)
        self._sightings = {}

    def _add_text(self, original: bytes) -> None:
        text = templates.without_quoted(templates.mark_priorities(templates.mark_statuses(original)))
        lines = text.split(b"\n")
        keys = templates.without_digits(text).split(b"\n")
        found: list[Any] = list(map(self._by_letters.get, keys))
        if None in found:
            self._look_closer(found, keys, lines)
        self._count(found, original, lines)

    def _look_closer(self, found: list[Any], keys: list[bytes], lines: list[bytes]) -> None:
        """Fill the gaps in `found`: the groups of lines that are not known by their letters alone."""
        gaps = [index for index, group in enumerate(found) if group is None]
        collapsed = templates.collapse_numbers(b"\n".join([lines[index] for index in gaps])).split(b"\n")
        groups: list[Any] = list(map(self._by_collapsed.get, collapsed))
        unusual = 0
        for position, group in enumerate(groups):
            if group is not None:
                continue
            index, line = gaps[position], collapsed[position]
            if unusual > _MOST_UNUSUAL:
                severity = self._severity_by_head(line)
                if self._per_severity[severity] >= self._max_groups:
                    groups[position] = self._others[severity]
                    continue
            group = groups[position] = self._group_of_text(line, lines[index])
            self._by_collapsed.put(line, group)
            if group.other:
                unusual += 1
            elif keys[index]:
                self._by_letters.put(keys[index], group)
        for index, group in zip(gaps, groups, strict=True):
            found[index] = group
        # Letters of hexadecimal ids make keys that never come again; those that do will be met here soon.
        for position in range(0, len(gaps), _REMEMBER_EVERY):
            key, group = keys[gaps[position]], groups[position]
            if key and not group.other:
                self._by_letters.put(key, group)

    def _severity_by_head(self, line: bytes) -> Severity:
        """`_severity`, remembered for lines that are alike up to their level."""
        head = line[: end_of_level(line)]
        if not head or templates.http_status_class(line):
            return _severity(line)
        severity = self._by_head.get(head)
        if severity is None:
            severity = _severity(line)
            if len(self._by_head) < _MOST_HEADS:
                self._by_head[head] = severity
        return severity

    def _group_of_text(self, collapsed: bytes, line: bytes) -> Group:
        if not collapsed.strip():
            return self._blank
        template = self._templates.of(collapsed)
        group = self._by_template.get(template)
        if group is None:
            group = self._new_text_group(template, line, indented=collapsed[:1] in (b" ", b"\t"))
            self._by_template.put(template, group)
        return group

    def _new_text_group(self, template: bytes, line: bytes, *, indented: bool) -> Group:
        shown = templates.render(template)
        if indented and stated_severity(shown) is None and timestamp(line, written=self._written) is None:
            return self._continuation
        return self._group(_severity(template), template)

    def _add_json(self, lines: list[bytes]) -> None:
        """Groups of JSON lines: their level and message count, not their other fields."""
        found: list[Group] = []
        for level, message in self._json.parse(lines):
            key = b"%b\x00%b" % (level, templates.without_digits(message))
            group = self._by_letters.get(key)
            if group is None:
                group = self._group_of_message(level, message)
                self._by_letters.put(key, group)
            found.append(group)
        self._count(found, None, lines)

    def _group_of_message(self, level: bytes, message: bytes) -> Group:
        quoteless = templates.without_quoted(message.replace(b"\n", b" "))
        template = self._templates.of(templates.collapse_numbers(quoteless))
        key = b"%b\x00%b" % (level, template)
        group = self._by_template.get(key)
        if group is None:
            severity = self._json.severity(level) or severity_of(templates.render(template))
            group = self._group(severity, template or b"(empty message)")
            self._by_template.put(key, group)
        return group

    def _group(self, severity: Severity, template: bytes) -> Group:
        shown = templates.render(templates.without_time(template))
        group = self._by_identity.get((severity, shown))
        if group is not None:
            return group
        if self._per_severity[severity] >= self._max_groups:
            return self._others[severity]
        identity = (severity, redact(shown))
        group = self._by_identity.get(identity)
        if group is not None:
            return group
        self._per_severity[severity] += 1
        group = self._by_identity[identity] = Group(*identity)
        return group

    def _count(self, found: list[Group], original: bytes | None, lines: Sequence[bytes]) -> None:
        """`lines` have no quoted values; `original` is the same text with them, None for JSON lines."""
        counted = Counter(found)
        size = len(found)
        last = dict(zip(found, range(size), strict=True))
        first = last
        if counted.keys() - self._sightings.keys() - self._silent:
            first = dict(zip(reversed(found), range(size - 1, -1, -1), strict=True))
        self.continuations += counted[self._continuation]
        originals: Sequence[bytes] | None = None
        for group, count in counted.items():
            group.count += count
            if group in self._silent:
                continue
            self.lines += count
            if not group.example:
                originals = originals or (lines if original is None else original.split(b"\n"))
                group.example = _example(originals[first[group]])
            latest = _timed(lines, last[group])
            known = self._sightings.get(group)
            self._sightings[group] = (known[0] if known else _timed(lines, first[group]), latest)


def _severity(text: bytes) -> Severity:
    """Of a template, or of a line on its way there: what its marks say, else what its words say."""
    status = templates.http_status_class(text)
    if status is not None:
        return Severity.ERROR if status == 5 else Severity.WARNING
    level = templates.syslog_level(text)
    if level is not None:
        return syslog_severity(level)
    return severity_of(templates.render(text))


def _timed(lines: Sequence[bytes], index: int) -> bytes:
    """The start of the line itself, or of the nearest one above it that shows a time."""
    line = lines[index]
    if line.startswith(b"{"):
        return line[:_TIMED_JSON_BYTES]
    if not line[:2].isdigit():
        for above in range(index, max(-1, index - _LOOK_BACK), -1):
            if _SOME_TIME.search(lines[above], 0, _TIMED_BYTES):
                return lines[above][:_TIMED_BYTES]
    return line[:_TIMED_BYTES]


class _Cache(dict[bytes, Group]):
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


def _example(line: bytes) -> str:
    """One message as it was written, redacted before it is cut."""
    text = redact(line[:4000].decode("utf-8", errors="replace").strip().replace("\x00", ""))
    return text if len(text) <= _EXAMPLE_LENGTH else text[: _EXAMPLE_LENGTH - 1] + "…"
