"""What pydantic found, in words that say what to change."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scheduler_defs.declarations.reading.faults import Entry, described, near
from scheduler_defs.declarations.reading.scalars import AMBIGUOUS_BOOLEANS, LEADING_ZERO
from scheduler_defs.declarations.written.fields import Written

_ATTEMPTS = 5

AnyWritten = TypeVar("AnyWritten", bound=Written)


def read_entry(entry: Entry, model: type[AnyWritten], value: Any = None) -> AnyWritten | None:
    """The entry as its model reads it. None, and faults noted, when it does not fit at all.

    Where only parts do not fit, their faults are noted and the rest is read without them (`Entry.dropped`),
    so that its other faults are found in the same pass. Such an entry is `faulty`.
    """
    given = entry.node.value if value is None else value
    if not isinstance(given, Mapping):
        entry.fault(f"must be a mapping of keys to values, not {described(given)}")
        return None
    present = {key: each for key, each in cast("Mapping[str, Any]", given).items() if each is not None}
    for attempt in range(_ATTEMPTS):
        try:
            return model.model_validate(present)
        except ValidationError as error:
            details = error.errors(include_url=False)
        if attempt == 0:
            for detail in details:
                _explain(entry, model, detail)
        places = [_removable(detail) for detail in details]
        if not all(places):
            return None
        for place in places:
            present = _without(present, place)
            entry.dropped.add(str(place[0]))
    return None


def _removable(detail: ErrorDetails) -> tuple[str | int, ...]:
    """What to leave out so that the fault is gone: the value, or what lacks a key, or the whole of a list."""
    where = detail["loc"][:-1] if detail["type"] == "missing" else detail["loc"]
    index = next((at for at, step in enumerate(where) if isinstance(step, int)), len(where))
    return where[:index]


def _without(value: dict[str, Any], where: tuple[str | int, ...]) -> dict[str, Any]:
    key = str(where[0])
    rest = {name: each for name, each in value.items() if name != key}
    inner = value.get(key)
    if len(where) > 1 and isinstance(inner, dict):
        rest[key] = _without(cast("dict[str, Any]", inner), where[1:])
    return rest


def _explain(entry: Entry, model: type[Written], detail: ErrorDetails) -> None:
    where, kind, value = detail["loc"], detail["type"], detail["input"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "extra_forbidden":
        key = str(where[-1])
        known = _fields(model, where[:-1])
        entry.fault(f"unknown key{near(key, known)}", *where, on_key=True)
    elif kind == "missing":
        entry.fault(f"the key {str(where[-1])!r} is missing", *where[:-1])
    elif kind == "literal_error":
        words = [
            word.strip().strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(",")
        ]
        entry.fault(f"{described(value)} is unknown{near(str(value), words)}", *where)
    else:
        entry.fault(_message(kind, value, context, detail["msg"]), *where)


def _message(kind: str, value: Any, context: Mapping[str, Any], text: str) -> str:
    match kind:
        case "wrong":
            return str(context["message"])
        case "string_type":
            return f"must be text, not {described(value)}"
        case "int_type" | "int_from_float" | "int_parsing":
            return f"must be a whole number, not {_number(value)}"
        case "float_type" | "float_parsing":
            return f"must be a number, not {_number(value)}"
        case "bool_type" | "bool_parsing":
            return f"must be true or false, not {described(value)}"
        case "list_type":
            return f"must be a list, not {described(value)}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"must be a mapping of keys to values, not {described(value)}"
        case "greater_than_equal":
            return f"must be at least {context['ge']}, not {described(value)}"
        case "less_than_equal":
            return f"must be at most {context['le']}, not {described(value)}"
        case "too_short" | "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters"
        case _:
            return text


def _number(value: Any) -> str:
    if isinstance(value, str) and LEADING_ZERO.fullmatch(value) and "_" not in value:
        number = value.lstrip("+-0") or "0"
        decimal = f"-{number}" if value.startswith("-") else number
        if set(value) & {"8", "9", "-"}:  # no octal number of YAML 1.2
            return f"{described(value)}: some read such numbers as octal; write {decimal}"
        return f"{described(value)}: some read that as octal; write {decimal}, or 0o{number} for octal"
    return described(value)


def _fields(model: type[BaseModel], where: tuple[str | int, ...]) -> list[str]:
    """The keys that the model allows at `where`."""
    kind: Any = model
    for step in where:
        members = [kind, *_arguments(kind)]
        found = next(
            (each for each in members if isinstance(each, type) and issubclass(each, BaseModel)), None
        )
        if found is not None and step in found.model_fields:
            kind = found.model_fields[str(step)].annotation
        else:
            kind = next(
                (_arguments(each)[-1] for each in members if typing.get_origin(each) in (dict, list)), None
            )
    for each in [kind, *_arguments(kind)]:
        if _is_model(each):
            return list(each.model_fields)
    return []


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _arguments(kind: Any) -> list[Any]:
    found: list[Any] = []
    for each in typing.get_args(kind):
        if typing.get_origin(each) in (typing.Annotated, typing.Union, types.UnionType):
            found += _arguments(each)
        else:
            found.append(each)
    return found


def ambiguous_words(entry: Entry, *where: str) -> None:
    """Note each unquoted `yes`, `off`, `010` in free-form values, which YAML 1.1 and 1.2 read differently."""
    node = entry.node
    for key in where:
        if key not in node.children:
            return
        node = node.children[key]
    pending = [(where, node)]
    while pending:
        path, node = pending.pop()
        if node.plain and isinstance(node.value, str):
            if node.value in AMBIGUOUS_BOOLEANS:
                meant = "true" if node.value.lower() in ("yes", "on", "true") else "false"
                entry.fault(
                    f"{node.value!r} is text to some and {meant} to others; write {meant}, or quote it", *path
                )
            elif LEADING_ZERO.fullmatch(node.value) and "_" not in node.value:
                entry.fault(f"{_number(node.value)}, or quote it", *path)
        pending += [((*path, key), child) for key, child in node.children.items()]
