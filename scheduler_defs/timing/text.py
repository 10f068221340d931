"""A spec in one line, for tables and reasons."""

from __future__ import annotations

from scheduler_defs.timing.durations import Unit
from scheduler_defs.timing.specs import AtSpec, CronSpec, EverySpec, RRuleSpec, Spec

_LETTERS = {Unit.MINUTE: "m", Unit.HOUR: "h", Unit.DAY: "d", Unit.WEEK: "w"}


def text(spec: Spec) -> str:
    """`0 2 * * *`, `every 10m`, `every 3 months from 2026-01-31T09:00`, the rule, `at 2026-12-31T23:00`."""
    match spec:
        case CronSpec():
            return " | ".join(spec.expressions)
        case EverySpec():
            months = "1 month" if spec.count == 1 else f"{spec.count} months"
            step = months if spec.unit is Unit.MONTH else f"{spec.count}{_LETTERS[spec.unit]}"
            anchored = f" from {spec.anchor_wall.isoformat(timespec='minutes')}" if spec.anchor else ""
            return f"every {step}{anchored}"
        case RRuleSpec():
            extra = [f"+{len(spec.rdates)} dates"] if spec.rdates else []
            extra += [f"-{len(spec.exdates)} dates"] if spec.exdates else []
            return " ".join([" | ".join(spec.rules), *extra])
        case AtSpec():
            first = f"at {spec.instants[0].replace(tzinfo=None).isoformat(timespec='minutes')}"
            return first if len(spec.instants) == 1 else f"{first} and {len(spec.instants) - 1} more"
