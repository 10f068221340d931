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
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from scheduler_defs.jobs.log_triage.grouping.examples import Cache, example, timed
from scheduler_defs.jobs.log_triage.grouping.groups import MOST_SOURCES, Group
from scheduler_defs.jobs.log_triage.grouping.levels import Levels, severity_of_line
from scheduler_defs.jobs.log_triage.grouping.messages import Messages
from scheduler_defs.jobs.log_triage.grouping.registry import Registry
from scheduler_defs.jobs.log_triage.lines import marks, templates
from scheduler_defs.jobs.log_triage.lines.json_lines import JsonLines
from scheduler_defs.jobs.log_triage.lines.severity import (
    Severity,
    counts_failures,
    guessed_severity,
    severity_of,
    stated_severity,
)
from scheduler_defs.jobs.log_triage.lines.timestamps import timestamp

_REMEMBER_EVERY = 8
_MOST_UNUSUAL = 250
"""Lines of a block that are worked out though they end in an "other" group; more go there directly."""


class Grouper:
    """Counts lines by group. For each file: `begin`, any number of `add`, `end`. Not thread-safe."""

    def __init__(self, *, max_groups: int = 1000, max_cached: int = 40_000) -> None:
        self.lines = 0
        """Messages counted, blank and continuation lines not included."""
        self._indented = 0
        self._registry = Registry(max_groups, self._forget)
        self._continuation = Group(Severity.UNKNOWN, "")
        self._blank = Group(Severity.UNKNOWN, "")
        self._silent = {self._continuation, self._blank}
        self._templates = templates.Templates()
        self._by_letters = Cache(max_cached)
        self._by_collapsed = Cache(max_cached)
        self._by_template = Cache(max_cached)
        self._levels = Levels()
        self._merged_lately = False
        """Groups that were merged may stand in the block that is being looked at."""
        self._counted: dict[Group, bytes] = {}
        """Templates of groups whose severity is in a number: `0 errors`, `3 errors`, `status=500`."""
        self._json = JsonLines()
        self._messages = Messages(self._add_text, self._add_json)
        self._source = ""
        self._written = dt.datetime.now(dt.UTC)
        self._sightings: dict[Group, tuple[bytes, bytes]] = {}

    @property
    def continuations(self) -> int:
        """Lines of tracebacks, and indented ones without time and level: parts of the message above."""
        return self._indented + self._messages.joined

    def groups(self) -> Iterator[Group]:
        """All groups with at least one message, the "other" ones included, in no order."""
        return self._registry.groups()

    def begin(self, source: str, *, written: dt.datetime) -> None:
        """Lines that follow are of this file; `written`: its last change, and the zone of its times."""
        self._source = source
        self._written = written
        self._sightings = {}

    def add(self, block: bytes) -> None:
        """Count the lines of `block`: complete lines, without the last line break.

        The last message waits for the next block, which may go on with it, or for `end`.
        """
        self._messages.add(block)

    def end(self) -> None:
        """Count what waits; work out when the groups of this file were seen, and where."""
        self._messages.end()
        for group, lines in self._sightings.items():
            for line in lines:
                instant = timestamp(line, written=self._written) or self._written
                if group.first_seen is None or instant < group.first_seen:
                    group.first_seen = instant
                if group.last_seen is None or instant > group.last_seen:
                    group.last_seen = instant
            if len(group.sources) < MOST_SOURCES and self._source not in group.sources:
                group.sources.append(self._source)
        self._sightings = {}

    def _add_text(self, original: bytes, stamps: Sequence[bytes] | None = None) -> None:
        text = templates.without_quoted(marks.mark_meanings(original))
        lines = text.split(b"\n")
        keys = templates.without_digits(text).split(b"\n")
        found: list[Any] = list(map(self._by_letters.get, keys))
        if None in found:
            self._look_closer(found, keys, lines)
        self._count(found, original, lines, stamps)

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
                severity = self._levels.by_head(line)
                if self._registry.is_full(severity):
                    groups[position] = self._registry.others[severity]
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

    def _group_of_text(self, collapsed: bytes, line: bytes) -> Group:
        if not collapsed.strip():
            return self._blank
        template = self._templates.of(collapsed)
        group = self._by_template.get(template)
        if group is None:
            shown = templates.render(templates.without_time(template))
            group = self._registry.find_quickly(shown)
            if group is None:
                group = self._new_text_group(template, line, indented=collapsed[:1] in (b" ", b"\t"))
            self._by_template.put(template, group)
        return group

    def _new_text_group(self, template: bytes, line: bytes, *, indented: bool) -> Group:
        shown = templates.render(template)
        stated = stated_severity(shown)
        if indented and stated is None and timestamp(line, written=self._written) is None:
            return self._continuation
        group = self._registry.of(severity_of_line(template), template)
        if stated is None and not group.other and counts_failures(shown):
            self._counted[group] = template
        return group

    def _add_json(self, lines: list[bytes], stamps: Sequence[bytes] | None = None) -> None:
        """Groups of JSON lines: their level and message count, not their other fields."""
        found: list[Group] = []
        for level, message in self._json.parse(lines):
            key = b"%b\x00%b" % (level, templates.without_digits(message))
            group = self._by_letters.get(key)
            if group is None:
                group = self._group_of_message(level, message)
                self._by_letters.put(key, group)
            found.append(group)
        self._count(found, None, lines, stamps)

    def _group_of_message(self, level: bytes, message: bytes) -> Group:
        quoteless = templates.without_quoted(message.replace(b"\n", b" "))
        template = self._templates.of(templates.collapse_numbers(quoteless))
        key = b"%b\x00%b" % (level, template)
        group = self._by_template.get(key)
        if group is None:
            severity = self._json.severity(level) or severity_of(templates.render(template))
            group = self._registry.of(severity, template or b"(empty message)")
            self._by_template.put(key, group)
        return group

    def _forget(self, part: Group, whole: Group) -> None:
        """`whole` counts for `part` from now on, also where `part` is remembered."""
        if (lines := self._sightings.pop(part, None)) is not None:
            known = self._sightings.get(whole)
            self._sightings[whole] = (known[0] if known else lines[0], lines[1])
        self._merged_lately = True
        for cache in (self._by_letters, self._by_collapsed, self._by_template):
            cache.clear()

    def _by_counts(self, found: list[Group], originals: list[bytes]) -> list[Group]:
        """With the group that the number in each line stands for."""
        counted = self._counted
        return [
            self._registry.of(guessed_severity(line.decode(errors="replace")), counted[group])
            if group in counted
            else group
            for group, line in zip(found, originals, strict=True)
        ]

    def _count(
        self,
        found: list[Group],
        original: bytes | None,
        lines: Sequence[bytes],
        stamps: Sequence[bytes] | None,
    ) -> None:
        """`lines` have no quoted values; `original` is the same text with them, None for JSON lines.

        `stamps` are the times of the lines where a runtime noted them.
        """
        counted = Counter(found)
        if original is not None and self._counted and not self._counted.keys().isdisjoint(counted):
            found = self._by_counts(found, original.split(b"\n"))
            counted = Counter(found)
        if self._merged_lately:
            found = [group.merged_into or group for group in found]
            counted = Counter(found)
            self._merged_lately = False
        size = len(found)
        last = dict(zip(found, range(size), strict=True))
        first = last
        if counted.keys() - self._sightings.keys() - self._silent:
            first = dict(zip(reversed(found), range(size - 1, -1, -1), strict=True))
        self._indented += counted[self._continuation]
        originals: Sequence[bytes] | None = None
        for group, count in counted.items():
            group.count += count
            if group in self._silent:
                continue
            self.lines += count
            if not group.example:
                originals = originals or (lines if original is None else original.split(b"\n"))
                group.example = example(originals[first[group]])
            known = self._sightings.get(group)
            if stamps is not None:
                self._sightings[group] = (known[0] if known else stamps[first[group]], stamps[last[group]])
                continue
            latest = timed(lines, last[group])
            self._sightings[group] = (known[0] if known else timed(lines, first[group]), latest)
