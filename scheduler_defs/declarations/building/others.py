"""Limits, directives, alerts."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any, cast

from scheduler_defs.declarations.building.common import unknown_name
from scheduler_defs.declarations.explaining import read_entry
from scheduler_defs.declarations.faults import Entry
from scheduler_defs.declarations.models import AlertRule, Alerts, Channel, Directive, Limit
from scheduler_defs.declarations.names import name_fault
from scheduler_defs.declarations.written.others import (
    AlertsEntry,
    ChannelEntry,
    DirectiveEntry,
    LimitEntry,
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
        for index, channel in enumerate(rule.channels):
            if channel not in channels:
                entry.fault(unknown_name("alert channel", channel, known), "rules", name, "channels", index)
                rules.pop(name, None)
    return Alerts(
        channels={name: _channel(entry, name, each) for name, (entry, each) in channels.items()},
        rules={name: _rule(entry, name, each) for name, (entry, each) in rules.items()},
    )


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
        description=written.description,
    )
