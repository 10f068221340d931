"""Declarations as plain data: the same for the same meaning, wherever and however they are written.

Positions, comments, the order of keys and the split into files do not count. What is kept of a version comes
from here, and a schedule's rule can be made from it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from scheduler_defs.declarations.models.declared import Declarations, Schedule

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from scheduler_defs.timing import Policies, Spec

_NOT_CONTENT = {"source", "timing", "policies"}
_NAMED = {"schedules", "jobs", "directives", "quotas", "budgets", "agents", "triggers", "locations"}
_OF_THE_RULE = ("kind", "timezone", "enabled", "fire", "cooldown")


@dataclass(frozen=True, slots=True)
class Rule:
    """When a schedule is due: what `rule` wrote."""

    timing: Spec
    policies: Policies
    enabled: bool


def content(declarations: Declarations) -> dict[str, Any]:
    """Everything that is declared, as JSON."""
    dumped: dict[str, Any] = declarations.model_dump(
        mode="json", exclude={"schedules", "fingerprint", "sources"}
    )
    schedules = {}
    for name, schedule in declarations.schedules.items():
        plain: dict[str, Any] = schedule.model_dump(mode="json", exclude=_NOT_CONTENT)
        schedules[name] = {**plain, **_when(schedule)}
    return {"schedules": schedules, **_without_positions(dumped)}


def rules(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Of such content: what each schedule's occurrences depend on. An edit of it counts from then on."""
    return {
        name: {key: plain.get(key) for key in (*_OF_THE_RULE, "timing", "policies", "when")}
        for name, plain in found["schedules"].items()
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Of two such contents: by kind, the names that were added, removed and changed.

    A kind that is one entry has itself as the name.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for kind in sorted({*before, *after}):
        was, now = _by_name(kind, before.get(kind)), _by_name(kind, after.get(kind))
        each = {
            "added": sorted(now.keys() - was.keys()),
            "removed": sorted(was.keys() - now.keys()),
            "changed": sorted(name for name in now.keys() & was.keys() if now[name] != was[name]),
        }
        if any(each.values()):
            found[kind] = {word: names for word, names in each.items() if names}
    return found


def _by_name(kind: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, list):
        entries = cast("list[dict[str, Any]]", value)
        return {str(each.get("name", place)): each for place, each in enumerate(entries)}
    mapping = cast("dict[str, Any]", value)
    named = kind in _NAMED and all(isinstance(each, dict) for each in mapping.values())
    return mapping if named else {kind: mapping}


def digest(found: object) -> str:
    """SHA-256 of plain data, in hex."""
    return hashlib.sha256(json.dumps(found, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def restored(rule: Mapping[str, Any]) -> Rule:
    """The rule as the program sees it. Raises ValueError for one that another release wrote otherwise."""
    specs, policies = _adapters()
    timing = specs[str(rule["timing"]["is"])].validate_python(
        {key: value for key, value in rule["timing"].items() if key != "is"}
    )
    return Rule(timing, policies.validate_python(rule["policies"]), bool(rule.get("enabled", True)))


def brief_rule(schedule: Schedule) -> dict[str, Any]:
    """When a schedule is due, for `restored`, without what says nothing new."""
    return _when(schedule, brief=True)


def _when(schedule: Schedule, *, brief: bool = False) -> dict[str, Any]:
    specs, policies = _adapters()
    kind = type(schedule.timing).__name__
    timing: dict[str, Any] = specs[kind].dump_python(schedule.timing, mode="json", exclude_defaults=brief)
    return {
        "timing": {"is": kind, **timing},
        "policies": policies.dump_python(schedule.policies, mode="json", exclude_defaults=brief),
    }


@cache
def _adapters() -> tuple[Mapping[str, TypeAdapter[Any]], TypeAdapter[Any]]:
    # Here, because only who keeps or reads versions needs them, and making them takes a moment.
    from pydantic import TypeAdapter

    from scheduler_defs.timing import AtSpec, CronSpec, EverySpec, Policies, RRuleSpec

    specs = {kind.__name__: TypeAdapter(kind) for kind in (CronSpec, EverySpec, RRuleSpec, AtSpec)}
    return specs, TypeAdapter(Policies)


def _without_positions(value: Any) -> Any:
    match value:
        case dict():
            found = cast("dict[str, Any]", value)
            return {key: _without_positions(each) for key, each in found.items() if key != "source"}
        case list():
            return [_without_positions(each) for each in cast("list[Any]", value)]
        case _:
            return value
