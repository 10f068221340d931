"""Parameters of a declared job: the launchpad's form, and the check of what was filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from scheduler_defs.declarations.models.declared import Param
from scheduler_defs.errors import SignalboxError

DIRECTIVE = "directive"
"""The key beside the parameters that holds the snapshot of the directive: `{name, digest, text}`."""

_TYPES: Mapping[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}
_DIRECTIVE_FIELD = dg.Field(
    dg.Shape({"name": str, "digest": str, "text": str}),
    is_required=False,
    description="The directive that the run works under, as it was at launch. Set by the launch.",
)


def config_fields(job: str, params: Mapping[str, Param]) -> dict[str, dg.Field]:
    """The config schema of a job's op. Dagster has no bounds and patterns: the descriptions tell them."""
    return {DIRECTIVE: _DIRECTIVE_FIELD} | {name: _field(job, param) for name, param in params.items()}


def check_values(params: Mapping[str, Param], config: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all parameters, defaults filled in. Raises SignalboxError with all faults in one line."""
    # With it comes the reader of YAML files, which a worker may not need.
    from scheduler_defs.declarations.building.params import value_fault

    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, param in params.items():
        value = config.get(name, param.default)
        if value is None:
            faults.append(f"{name} must be given")
        elif fault := value_fault(param, value):
            faults.append(fault)
        values[name] = value
    if faults:
        raise SignalboxError(f"config: {'; '.join(faults)}")
    return values


def _field(job: str, param: Param) -> dg.Field:
    kind: Any = _TYPES[param.type]
    if param.choices and param.type == "string":  # the launchpad offers them
        kind = dg.Enum(f"{job}_{param.name}", [dg.EnumValue(str(choice)) for choice in param.choices])
    if param.default is None:
        return dg.Field(kind, is_required=True, description=describe(param))
    return dg.Field(kind, default_value=param.default, is_required=False, description=describe(param))


def describe(param: Param) -> str:
    """One line: what it is for and what is allowed."""
    allowed: list[str] = [param.type]
    if param.minimum is not None:
        allowed.append(f"at least {param.minimum}")
    if param.maximum is not None:
        allowed.append(f"at most {param.maximum}")
    if param.choices:
        allowed.append("one of " + ", ".join(map(str, param.choices)))
    if param.pattern is not None:
        allowed.append(f"matching {param.pattern}")
    if param.default is None:
        allowed.append("required")
    text = ", ".join(allowed)
    return (
        f"{param.description.rstrip('.')} ({text})." if param.description else f"{text[0].upper()}{text[1:]}."
    )
