"""`when:` of a conditional schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from scheduler_defs.declarations.models.conditions import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    NotOf,
    Operator,
)
from scheduler_defs.declarations.reading.faults import Entry, described, near
from scheduler_defs.declarations.reading.scalars import plain
from scheduler_defs.patterns import pattern_fault

_COMPARISON = ("subject", "op", "value")
_GROUPS = ("all", "any", "not")
_WORDS = {
    Operator.EQ: "=",
    Operator.NEQ: "!=",
    Operator.GT: ">",
    Operator.GTE: ">=",
    Operator.LT: "<",
    Operator.LTE: "<=",
}
_TEXTUAL = (Operator.CONTAINS, Operator.MATCHES, Operator.REGEX)


def read_condition(entry: Entry, written: Any, *where: str | int) -> Condition | None:
    """The condition written at `where` of the entry; None, and faults noted, when it makes no sense."""
    if not isinstance(written, Mapping):
        entry.fault(
            f"must be {{subject, op, value}}, or all:, any: or not:, not {described(written)}", *where
        )
        return None
    given = cast("Mapping[str, Any]", written)
    for key in given:
        if key not in (*_COMPARISON, *_GROUPS):
            entry.fault(f"unknown key{near(key, (*_COMPARISON, *_GROUPS))}", *where, key, on_key=True)
            return None
    groups = [key for key in _GROUPS if key in given]
    if len(groups) > 1 or (groups and len(given) > 1):
        entry.fault("must be one of {subject, op, value}, all:, any:, not:", *where)
        return None
    if not groups:
        return _comparison(entry, given, *where)
    group = groups[0]
    if group == "not":
        inner = read_condition(entry, given["not"], *where, "not")
        return None if inner is None else NotOf(condition=inner)
    parts = given[group]
    if not isinstance(parts, list) or not parts:
        entry.fault("must be a list of conditions", *where, group)
        return None
    read = [
        read_condition(entry, part, *where, group, index)
        for index, part in enumerate(cast("list[Any]", parts))
    ]
    found = tuple(part for part in read if part is not None)
    if len(found) < len(read):
        return None
    return AllOf(conditions=found) if group == "all" else AnyOf(conditions=found)


def text(condition: Condition) -> str:
    """`disk.free_percent:/ < 10`, `(a > 1 and not b exists)`."""
    match condition:
        case Comparison(op=Operator.EXISTS):
            return f"{condition.subject} {'does not exist' if condition.value is False else 'exists'}"
        case Comparison():
            value = str(condition.value).lower() if isinstance(condition.value, bool) else condition.value
            return f"{condition.subject} {_WORDS.get(condition.op, condition.op)} {value}"
        case AllOf():
            return f"({' and '.join(text(part) for part in condition.conditions)})"
        case AnyOf():
            return f"({' or '.join(text(part) for part in condition.conditions)})"
        case NotOf():
            return f"not {text(condition.condition)}"


def _comparison(entry: Entry, given: Mapping[str, Any], *where: str | int) -> Condition | None:
    faulty = entry.faulty
    entry.faulty = False
    subject, op, value = given.get("subject"), given.get("op"), plain(given.get("value"))
    for key in ("subject", "op"):
        if given.get(key) is None:
            entry.fault(f"the key {key!r} is missing", *where)
    if subject is not None and not isinstance(subject, str):
        entry.fault(f"must be text such as disk.free_percent:/, not {described(subject)}", *where, "subject")
    elif subject is not None and (fault := _subject_fault(subject)):
        entry.fault(fault, *where, "subject")
    operator = next((each for each in Operator if each.value == op), None)
    if op is not None and operator is None:
        entry.fault(
            f"{described(op)} is unknown{near(str(op), [each.value for each in Operator])}", *where, "op"
        )
    if operator is not None and (fault := _value_fault(operator, value)):
        entry.fault(fault, *where, *(("value",) if "value" in given else ()))
    found = entry.faulty
    entry.faulty = faulty or found
    if found or operator is None:
        return None
    if fault := _comparison_fault(str(subject), operator, value):
        entry.fault(fault, *where, "value" if "value" in given else "op")
        return None
    return Comparison(subject=str(subject), op=operator, value=value)


def _value_fault(operator: Operator, value: Any) -> str | None:
    if isinstance(value, (dict, list)):
        return f"must be one text, number or boolean, not {described(value)}"
    if operator is Operator.EXISTS:
        return None if value in (None, True, False) else "exists takes true, false or nothing"
    if value is None:
        return f"{operator} needs a value"
    if operator in _TEXTUAL and not isinstance(value, str):
        return f"{operator} needs a text, not {described(value)}; quote it"
    if operator is Operator.REGEX:
        return pattern_fault(value)
    return None


def _subject_fault(subject: str) -> str | None:
    """What is wrong with a subject: asked of the probes, where there are any."""
    if not subject.strip():
        return "must not be empty"
    # Loaded when the first condition is read: a yard without conditions need not load the probes.
    from scheduler_defs.conditions import subject_fault

    return subject_fault(subject)


def _comparison_fault(subject: str, operator: Operator, value: Any) -> str | None:
    from scheduler_defs.conditions import comparison_fault

    return comparison_fault(subject, operator, value)
