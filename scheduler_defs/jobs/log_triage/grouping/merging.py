"""Words that turn out to vary: user names, tables, pods, letters-only paths.

A word is constant until many messages are alike but for it. Then it is a value, and their groups are one:
else one visitor who tries three thousand user names uses up all groups, and the failing disk has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from scheduler_defs.jobs.log_triage.grouping.groups import Group
from scheduler_defs.jobs.log_triage.lines.severity import Severity, tells_severity
from scheduler_defs.jobs.log_triage.lines.templates import VARIABLE

ENOUGH = 20
"""Different words in one place of otherwise equal messages make that place a value's."""
ENOUGH_IDS = 3
"""The same for words of which a part is known to vary already."""
_MOST_WORDS = 40
_FACTOR = 1_000_003
_MASK = (1 << 64) - 1
_WORD = re.compile(r"[A-Za-z]{2}")
_LEVEL = re.compile(r"[\[(<]?(?:[A-Z]{3,9}|[a-z]{3,9}:)[\])>:]?$")


class Merging:
    """Finds, for a message that is new, the group of messages that differ from it in one place."""

    def __init__(self) -> None:
        self._alike: dict[int, dict[str, Group]] = {}
        self._merged: dict[int, Group] = {}
        self._places: dict[int, Group | None] = {}
        """The same whatever the severity; None where messages of several severities were merged."""

    def find(self, severity: Severity, shown: str) -> Group | None:
        """The group that such messages were merged into, if they were."""
        if not self._merged:
            return None
        for _, key in _keys(severity, shown.split(" ")):
            if (group := self._merged.get(key)) is not None:
                return group.merged_into or group
        return None

    def find_quickly(self, shown: str) -> Group | None:
        """The same before the severity is known: nearly all of a flood of names is found here."""
        if not self._places:
            return None
        words = shown.split(" ")
        for place, key in _keys(None, words):
            if (group := self._places.get(key)) is not None and not tells_severity(words[place]):
                return group.merged_into or group
        return None

    def learn(self, group: Group, shown: str) -> tuple[str, list[Group]] | None:
        """Note a new group. Once enough are alike: the template that they have in common, and these."""
        words = shown.split(" ")
        for place, key in _keys(group.severity, words):
            if key in self._merged:
                continue
            alike = self._alike.setdefault(key, {})
            alike[words[place]] = group
            if len(alike) < ENOUGH_IDS:
                continue
            if len(alike) >= ENOUGH or sum(VARIABLE in word for word in alike) >= ENOUGH_IDS:
                common = " ".join([*words[:place], VARIABLE, *words[place + 1 :]])
                return common, [each.merged_into or each for each in alike.values()]
        return None

    def merged(self, group: Group, shown: str) -> list[Group]:
        """From now on `group` is that of all messages which differ in the place of `VARIABLE` only.

        Returns the groups of such messages that there are already.
        """
        words = shown.split(" ")
        found: list[Group] = []
        for place, key in _keys(group.severity, words):
            if words[place] == VARIABLE:
                self._merged[key] = group
                found += [each.merged_into or each for each in self._alike.pop(key, {}).values()]
        for place, key in _keys(None, words):
            if words[place] == VARIABLE:
                known = self._places.get(key, group)
                same = known is not None and known.severity is group.severity
                self._places[key] = group if same else None
        return found


def _keys(severity: Severity | None, words: list[str]) -> Iterable[tuple[int, int]]:
    """For each place that may vary a number that is the same for all messages alike but for it."""
    count = len(words)
    if count > _MOST_WORDS:
        return
    constant = sum(1 for word in words if _WORD.search(word) and not _LEVEL.match(word))
    weights = [hash(word) * pow(_FACTOR, place, 1 << 64) & _MASK for place, word in enumerate(words)]
    total = sum(weights)
    for place, word in enumerate(words):
        counted = _WORD.search(word) is not None and _LEVEL.match(word) is None
        if constant - counted < 2 or (place and words[place - 1] == "|"):
            continue
        yield place, hash((severity, count, place, (total - weights[place]) & _MASK))
