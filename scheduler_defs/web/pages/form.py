"""The form of a schedule: one field for each key that its schema has, so that none is forgotten here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from scheduler_defs.declarations.written.schedules import RULE_KEYS
from scheduler_defs.settings import INSTALLATION

_FIRST = ("timezone", "overlap", "owner", "description")
_OF_RULES = ("when", "fire", "cooldown", "exdate", "rdate", "anchor", "start", "end", "exclude")
_NOT_HERE = frozenset({"job", *RULE_KEYS})
_YES_AND_NO = ("true", "false")


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an entry. `kind`: text, number, choice, or any (text, or JSON for lists and mappings)."""

    key: str
    kind: str
    about: str
    choices: tuple[str, ...] = ()
    example: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """Fields as they are shown: the usual ones, what belongs to the rule, the rest."""

    first: list[Field]
    of_rules: list[Field]
    others: list[Field]
    rule: str
    when: str


def form_of(entry: Mapping[str, Any]) -> Form:
    """The form with an entry's values; an empty one for a new schedule."""
    known = _fields()
    rule = next((key for key in RULE_KEYS if key in entry), RULE_KEYS[0])

    def filled(keys: Any) -> list[Field]:
        return [_with(known[key], entry[key]) if key in entry else known[key] for key in keys if key in known]

    others = [key for key in known if key not in (*_FIRST, *_OF_RULES)]
    return Form(filled(_FIRST), filled(_OF_RULES), filled(others), rule, _text(entry.get(rule, "")))


@cache
def _fields() -> dict[str, Field]:
    """From the schema that editors have, which is made from the program's own models."""
    schema = json.loads((INSTALLATION / "docs" / "schemas" / "schedules.json").read_text())
    properties: dict[str, Any] = schema["definitions"]["ScheduleEntry"]["properties"]
    return {key: _field(key, found) for key, found in properties.items() if key not in _NOT_HERE}


def _field(key: str, found: Mapping[str, Any]) -> Field:
    options: list[Mapping[str, Any]] = [found, *found.get("anyOf", ())]
    choices = next((each["enum"] for each in options if "enum" in each), ())
    kinds = {str(each["type"]) for each in options if isinstance(each.get("type"), str)} - {"null"}
    plain = not any("anyOf" in each or "$ref" in each for each in options[1:])
    examples = next((each["examples"] for each in options if each.get("examples")), ())
    about, example = str(found.get("description", "")), str(examples[0]) if examples else ""
    if True in choices and kinds <= {"boolean", "string"} and not found.get("anyOf"):
        return Field(key, "choice", about, _YES_AND_NO)
    if choices and kinds <= {"string"} and plain and not found.get("anyOf"):
        return Field(key, "choice", about, tuple(map(str, choices)))
    if kinds == {"integer"}:
        return Field(key, "number", about)
    kind = "text" if kinds <= {"string"} and plain else "any"
    return Field(key, kind, about, example=example)


def _with(field: Field, value: Any) -> Field:
    return Field(field.key, field.kind, field.about, field.choices, field.example, _text(value))


def _text(value: Any) -> str:
    """As it is typed: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
