"""Limits, directives, alerts, reports."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from itertools import chain
from typing import Any, cast

from scheduler_defs.declarations.building.common import approve, unknown_name
from scheduler_defs.declarations.models.declared import (
    AlertRule,
    Alerts,
    Channel,
    Directive,
    Limit,
    Reports,
)
from scheduler_defs.declarations.names import name_fault
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.explaining import read_entry
from scheduler_defs.declarations.written.others import (
    AlertsEntry,
    ChannelEntry,
    DirectiveEntry,
    LimitEntry,
    ReportsEntry,
    RuleEntry,
)

_DAGSTER_PER_VALUE = "applyLimitPerUniqueValue"
_LATE_BY = dt.timedelta(minutes=5)


def build_limit(entry: Entry) -> Limit | None:
    """The limit, or None and faults noted.

    Dagster's own form, `value: {applyLimitPerUniqueValue: true}`, is understood.
    """
    given = entry.node.value
    if isinstance(given, dict):
        given = _own_form(cast("dict[str, Any]", given))
    written = read_entry(entry, LimitEntry, given)
    if written is None or entry.faulty:
        return None
    return Limit(
        name=entry.name,
        key=written.key,
        value=written.value,
        per_value=written.per_value,
        limit=written.limit,
        approve=approve(written.approve),
        source=entry.position,
    )


def _own_form(given: dict[str, Any]) -> dict[str, Any]:
    value = given.get("value")
    if isinstance(value, dict) and list(cast("dict[str, Any]", value)) == [_DAGSTER_PER_VALUE]:
        return {**given, "value": None, "per_value": value[_DAGSTER_PER_VALUE]}
    return given


def build_directive(entry: Entry) -> Directive | None:
    """The directive, or None and faults noted. A text alone is a directive without description."""
    given: Any = entry.node.value
    if isinstance(given, str):
        given = {"text": given}
    written = read_entry(entry, DirectiveEntry, given)
    if written is None or entry.faulty:
        return None
    return Directive(
        name=entry.name,
        text=written.text,
        digest=hashlib.sha256(written.text.encode()).hexdigest(),
        description=written.description,
        source=entry.position,
    )


def build_alerts(entries: list[Entry]) -> Alerts:
    """Channels and rules of all files; those with faults are left out."""
    channels: dict[str, tuple[Entry, ChannelEntry]] = {}
    rules: dict[str, tuple[Entry, RuleEntry]] = {}
    for entry in entries:
        written = read_entry(entry, AlertsEntry)
        if written is not None:
            _collect(entry, "channels", written.channels, channels)
            _collect(entry, "rules", written.rules, rules)
    known = list(channels)
    for name, (entry, rule) in list(rules.items()):
        for key, named in (("channels", rule.channels), ("escalate_to", rule.escalate_to or ())):
            for index, channel in enumerate(named):
                if channel not in channels:
                    entry.fault(unknown_name("alert channel", channel, known), "rules", name, key, index)
                    rules.pop(name, None)
    return Alerts(
        channels={name: _channel(entry, name, each) for name, (entry, each) in channels.items()},
        rules={name: _rule(entry, name, each) for name, (entry, each) in rules.items()},
    )


def build_reports(entries: list[Entry]) -> Reports:
    """The bounds of the built-in reports; what several files allow is allowed."""
    written = [each for entry in entries if (each := read_entry(entry, ReportsEntry)) is not None]
    given = [each.log_files for each in written if each.log_files is not None]
    return Reports(log_files=tuple(dict.fromkeys(chain.from_iterable(given)))) if given else Reports()


def _collect(entry: Entry, kind: str, given: Mapping[str, Any], into: dict[str, tuple[Entry, Any]]) -> None:
    for name, each in given.items():
        if fault := name_fault(name):
            entry.fault(fault, kind, name, on_key=True)
        elif name in into:
            entry.fault(
                f"the name {name!r} is taken already, by {into[name][0].place_of(kind, name)}",
                kind,
                name,
                on_key=True,
            )
        else:
            into[name] = (entry, each)


def _channel(entry: Entry, name: str, written: ChannelEntry) -> Channel:
    return Channel(
        name=name,
        source=entry.place_of("channels", name),
        type=written.type,
        url_env=written.url_env,
        to=tuple(written.to or ()),
        command=tuple(written.command or ()),
        approve_as=written.approve_as,
        description=written.description,
    )


def _rule(entry: Entry, name: str, written: RuleEntry) -> AlertRule:
    return AlertRule(
        name=name,
        source=entry.place_of("rules", name),
        on=written.on,
        channels=tuple(written.channels),
        schedules=tuple(written.schedules or ()),
        jobs=tuple(written.jobs or ()),
        queues=tuple(written.queues or ()),
        after=written.after,
        throttle=written.throttle,
        late_by=_LATE_BY if written.late_by is None else written.late_by,
        over=written.over,
        number=written.number,
        quiet_hours=tuple(written.quiet_hours or ()),
        quiet_zone=written.quiet_zone,
        digest=written.digest,
        owner=written.owner,
        escalate_after=written.escalate_after,
        escalate_to=tuple(written.escalate_to or ()),
        description=written.description,
    )
