"""From when, until when and in which steps anything can be due: nobody needs to look at other times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scheduler_defs.timing.instants import DAY
from scheduler_defs.timing.occurrences import ELAPSED, raw_occurrences
from scheduler_defs.timing.policies import Policies
from scheduler_defs.timing.specs import AtSpec, EverySpec, RRuleSpec, Spec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bounds(spec: Spec, policies: Policies) -> tuple[datetime | None, datetime | None]:
    """Instants before which and after which nothing is due; None where there is no such."""
    ends = [end for end in (policies.end, _last(spec)) if end is not None]
    return policies.start, min(ends, default=None)


def steps(spec: Spec) -> tuple[datetime, timedelta] | None:
    """An instant at which the spec is due, and the elapsed time to the next; None where that varies."""
    if isinstance(spec, EverySpec) and spec.unit in ELAPSED:
        return spec.anchor_instant, spec.count * ELAPSED[spec.unit]
    return None


def _last(spec: Spec) -> datetime | None:
    """An instant after which the rule itself is not due any more."""
    match spec:
        case AtSpec():
            return spec.instants[-1]
        case RRuleSpec() if all(rule.count is not None for rule in spec.parsed):
            return max(raw_occurrences(spec, _EPOCH), default=_EPOCH)
        case RRuleSpec():
            untils = [rule.until for rule in spec.parsed]
            if None in untils:
                return None
            # Wall-clock times: a day more is in whatever zone they mean.
            ends = [until.replace(tzinfo=UTC) + DAY for until in untils if until is not None]
            return max([*ends, *spec.rdates])
        case _:
            return None
