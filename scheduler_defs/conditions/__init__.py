"""Conditions: look at something outside, compare it with a value, decide whether a schedule is due.

`registry` holds the probes, each of which reads one thing and changes nothing; `probes` has those that come
with Signalbox. `operators` compares (pure), `evaluating` walks a condition's tree under a deadline,
`firing` decides between level and edge (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler_defs.conditions.evaluating import Observation, Result, evaluate
    from scheduler_defs.conditions.firing import Firing, Memory, decide
    from scheduler_defs.conditions.registry import Look, comparison_fault, probe, subject_fault

__all__ = [
    "Firing",
    "Look",
    "Memory",
    "Observation",
    "Result",
    "comparison_fault",
    "decide",
    "evaluate",
    "probe",
    "subject_fault",
]

_HOMES = {
    **dict.fromkeys(("Observation", "Result", "evaluate"), "evaluating"),
    **dict.fromkeys(("Firing", "Memory", "decide"), "firing"),
    **dict.fromkeys(("Look", "comparison_fault", "probe", "subject_fault"), "registry"),
}


def __getattr__(name: str) -> object:
    """Load a part when it is asked for: checking a subject needs none of the machinery of evaluation."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
