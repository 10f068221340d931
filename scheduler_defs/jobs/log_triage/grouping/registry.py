"""All groups by severity and template; new ones until there are too many, merged ones for words that vary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from scheduler_defs.jobs.log_triage.grouping.groups import Group
from scheduler_defs.jobs.log_triage.grouping.merging import Merging
from scheduler_defs.jobs.log_triage.lines import templates
from scheduler_defs.jobs.log_triage.lines.severity import Severity
from scheduler_defs.redaction import redact


class Registry:
    """Finds or makes the group of a message. `on_merge` is told of each group that another takes over."""

    def __init__(self, max_groups: int, on_merge: Callable[[Group, Group], None]) -> None:
        self.others = {severity: Group(severity, "(other)", other=True) for severity in Severity}
        self._max_groups = max_groups
        self._on_merge = on_merge
        self._by_identity: dict[tuple[Severity, str], Group] = {}
        self._per_severity: Counter[Severity] = Counter()
        self._merging = Merging()
        self._merged: list[Group] = []

    def groups(self) -> Iterator[Group]:
        """All groups with at least one message, the "other" ones included, in no order."""
        yield from (group for group in self._by_identity.values() if group.count)
        yield from (group for group in self.others.values() if group.count)

    def is_full(self, severity: Severity) -> bool:
        """Whether new messages of this severity are counted as "other"."""
        return self._per_severity[severity] >= self._max_groups

    def find_quickly(self, shown: str) -> Group | None:
        """The group of a message that differs from known ones only in a word known to vary."""
        return self._merging.find_quickly(shown)

    def of(self, severity: Severity, template: bytes) -> Group:
        """The group of messages of this severity and template."""
        shown = templates.render(templates.without_time(template))
        group = self._by_identity.get((severity, shown))
        if group is not None:
            return group
        if (group := self._merging.find(severity, shown)) is not None:
            return group
        if self.is_full(severity):
            return self.others[severity]
        return self._new_group(severity, shown)

    def _new_group(self, severity: Severity, shown: str) -> Group:
        identity = (severity, redact(shown))
        group = self._by_identity.get(identity)
        if group is not None:
            return group
        self._per_severity[severity] += 1
        group = self._by_identity[identity] = Group(*identity)
        alike = self._merging.learn(group, shown)
        return self._merge(*alike) if alike is not None else group

    def _merge(self, shown: str, alike: list[Group]) -> Group:
        """One group for those that differ in one word only."""
        identity = (alike[0].severity, redact(shown))
        wider = self._merging.find(identity[0], shown)
        known = wider or self._by_identity.get(identity)
        whole = known or Group(*identity)
        self._absorb(whole, [*alike, *self._merging.merged(whole, shown)])
        if known is not None:
            return whole
        self._per_severity[whole.severity] += 1
        self._by_identity[identity] = whole
        more = self._merging.learn(whole, shown)
        return self._merge(*more) if more is not None else whole

    def _absorb(self, whole: Group, alike: list[Group]) -> None:
        parts = [group for group in dict.fromkeys(alike) if group.merged_into is None and group is not whole]
        for part in parts:
            if self._by_identity.pop((part.severity, part.template), None) is not None:
                self._per_severity[part.severity] -= 1
            whole.take_over(part)
            self._on_merge(part, whole)
        for group in self._merged:
            if group.merged_into in parts:
                group.merged_into = whole
        self._merged += parts
