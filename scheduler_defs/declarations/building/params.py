"""Parameters of declared jobs: their declarations, and the values that schedules give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler_defs.declarations.models.declared import Param
from scheduler_defs.declarations.names import PARAM_NAME
from scheduler_defs.declarations.reading.faults import Entry, described, near
from scheduler_defs.declarations.reading.scalars import LARGEST
from scheduler_defs.declarations.written.jobs import ParamEntry
from scheduler_defs.patterns import matches_whole

_WANTED = {
    "string": "a text; quote it",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
# Keys that the program itself puts beside a job's parameters.
_TAKEN = frozenset({"directive"})


def read_params(entry: Entry, written: Mapping[str, ParamEntry]) -> dict[str, Param]:
    """The parameters; faults of a default outside its own bounds and the like are noted."""
    params: dict[str, Param] = {}
    for name, given in written.items():
        where = ("params", name)
        if not PARAM_NAME.fullmatch(name) or name in _TAKEN:
            entry.fault(
                f"bad parameter name {name[:80]!r}; allowed are letters, digits and '_', not beginning with a"
                f" digit, and not {', '.join(_TAKEN)}",
                *where,
                on_key=True,
            )
            continue
        _check_bounds(entry, given, where)
        param = Param.model_construct(
            name=name,
            type=given.type,
            default=given.default,
            minimum=given.minimum,
            maximum=given.maximum,
            choices=tuple(given.choices or ()),
            pattern=given.pattern,
            description=given.description,
        )
        for index, choice in enumerate(param.choices):
            if fault := _type_fault(param, choice):
                entry.fault(fault, *where, "choices", index)
        if param.default is not None and (fault := value_fault(param, param.default)):
            entry.fault(fault, *where, "default")
        params[name] = param
    return params


def _check_bounds(entry: Entry, given: ParamEntry, where: tuple[str, str]) -> None:
    for key in ("minimum", "maximum"):
        if getattr(given, key) is not None and given.type not in ("integer", "number"):
            entry.fault(f"{key} belongs to integer and number, not to {given.type}", *where, key, on_key=True)
    if given.minimum is not None and given.maximum is not None and given.minimum > given.maximum:
        entry.fault(f"minimum {given.minimum} is above maximum {given.maximum}", *where, "minimum")
    if given.pattern is not None and given.type != "string":
        entry.fault(f"pattern belongs to string, not to {given.type}", *where, "pattern", on_key=True)


def value_fault(param: Param, value: Any) -> str | None:
    """What is wrong with a value for this parameter, and what is allowed; None for a good one."""
    if fault := _type_fault(param, value):
        return fault
    if isinstance(value, (int, float)) and not -LARGEST <= value <= LARGEST:
        # Neither infinities, nor what is no number (which is not comparable with any).
        return f"{param.name} must be between {-LARGEST} and {LARGEST}"
    if param.minimum is not None and value < param.minimum:
        return f"{param.name} must be at least {param.minimum}, not {value}"
    if param.maximum is not None and value > param.maximum:
        return f"{param.name} must be at most {param.maximum}, not {value}"
    if param.choices and value not in param.choices:
        return f"{param.name} must be one of {', '.join(map(str, param.choices))}, not {value!r}"
    if param.pattern is not None and not matches_whole(param.pattern, str(value)):
        return f"{param.name} must match {param.pattern}, not {value!r}"
    return None


def _type_fault(param: Param, value: Any) -> str | None:
    match param.type:
        case "string":
            fits = isinstance(value, str)
        case "integer":
            fits = isinstance(value, int) and not isinstance(value, bool)
        case "number":
            fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        case "boolean":
            fits = isinstance(value, bool)
    return None if fits else f"{param.name} must be {_WANTED[param.type]}, not {described(value)}"


def check_config(entry: Entry, params: Mapping[str, Param], config: Mapping[str, Any]) -> None:
    """Note each value that the job's parameters do not allow, and each that is missing."""
    for name, value in config.items():
        if name not in params:
            hint = near(name, params) or "; the job has none"
            entry.fault(f"unknown parameter{hint}", "config", name, on_key=True)
        elif fault := value_fault(params[name], value):
            entry.fault(fault, "config", name)
    for name, param in params.items():
        if param.default is None and name not in config:
            entry.fault(f"the parameter {name!r} has no default and must be given in config")
