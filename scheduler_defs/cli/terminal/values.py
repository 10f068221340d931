"""`--set key=value`: how values come from a command line into a run's config.

A parameter's declared type decides what a text means, never a guess: `--set day=2026-01-01`, `--set v=1.10`
and `--set name=null` are texts where a text is declared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scheduler_defs.errors import UsageError
from scheduler_defs.text import shortened

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.declared import Declarations, Param

_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def read_settings(declarations: Declarations, job: str, pairs: list[str] | None) -> dict[str, Any]:
    """The `--set` of a launch of this job. Raises UsageError, for unknown parameters as well."""
    declared = declarations.jobs.get(job)
    return parse_settings(pairs or [], None if declared is None else declared.params)


def parse_settings(pairs: list[str], params: Mapping[str, Param] | None = None) -> dict[str, Any]:
    """`["n=3", "name=x"]` as `{"n": 3, "name": "x"}`: each value as its parameter's type wants it.

    Without `params` (a job in Python) dots make nested mappings and a value is what it is in the files of the
    declarations: numbers, `true`, `false` and `null`, `[..]` and `{..}`; quotes make anything a text.
    Raises UsageError for a pair that cannot be read.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise UsageError(f"--set {pair!r}: write key=value")
        if params is None:
            _put(found, key, _plain(pair, text), pair)
        elif key in params:
            found[key] = _typed(params[key], text, pair)
        else:
            known = ", ".join(params) or "it has none"
            raise UsageError(f"--set {pair!r}: the job has no parameter {key!r} (parameters: {known})")
    return found


def _put(found: dict[str, Any], key: str, value: Any, pair: str) -> None:
    *parents, last = key.split(".")
    place = found
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise UsageError(f"--set {pair!r}: {parent} already has a value")
    place[last] = value


def _typed(param: Param, text: str, pair: str) -> Any:
    from scheduler_defs.declarations.building.params import value_fault

    value: Any = None
    try:
        value = _of_type(param, text)
        fault = value_fault(param, value)
    except ValueError:  # also for more digits than Python reads
        wanted = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}[param.type]
        fault = f"{param.name} must be {wanted}"
    if fault:
        raise UsageError(f"--set {shortened(pair, 80)!r}: {fault}")
    return value


def _of_type(param: Param, text: str) -> Any:
    """Raises ValueError for a text that is none of the type."""
    match param.type:
        case "string":
            return text
        case "integer" if _INTEGER.fullmatch(text):
            return int(text)
        case "number" if _NUMBER.fullmatch(text):
            return float(text) if re.search(r"[.eE]", text) else int(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case _:
            raise ValueError(text)


def _plain(pair: str, text: str) -> Any:
    from scheduler_defs.declarations.editing.edit import parse_value

    if not text:
        return ""
    try:
        return parse_value(text)
    except ValueError as error:
        raise UsageError(f"--set {pair!r}: {error}") from None
