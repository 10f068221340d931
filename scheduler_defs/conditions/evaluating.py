"""Walking a condition: observe, compare, and say what was seen."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from scheduler_defs.conditions.operators import compare, wanted_text
from scheduler_defs.conditions.probes.environment import is_secret_name
from scheduler_defs.conditions.registry import Look, Probe, find
from scheduler_defs.conditions.values import Value, normalised, shown
from scheduler_defs.conditions.watchdog import Watchdog
from scheduler_defs.declarations.models.conditions import AllOf, AnyOf, Comparison, Condition, NotOf
from scheduler_defs.errors import SignalboxError
from scheduler_defs.redaction import redact_secrets

DEADLINE = dt.timedelta(seconds=5)
_SHORTEST_LOOK_SECONDS = 0.001
_SHARE_OF_THE_PROBE = 0.8
"""Of the time that is left: a probe that waits for so long can still say so, before it is left behind."""
_watchdog = Watchdog()


class Result(StrEnum):
    """What became of an evaluation."""

    TRUE = "true"
    FALSE = "false"
    ERROR = "error"
    """It could not be found out. Neither a yes nor a no."""


@dataclass(frozen=True)
class Observation:
    """The result, and what was seen: `disk.free_percent:/ = 42.1, wanted < 10`. Without secrets."""

    result: Result
    text: str


def evaluate(
    condition: Condition,
    *,
    deadline: dt.timedelta = DEADLINE,
    timezone: str = "UTC",
    now: dt.datetime | None = None,
    watchdog: Watchdog = _watchdog,
) -> Observation:
    """Evaluate the condition; takes no longer than `deadline` in all, and raises nothing.

    `all` stops at the first part that is false, `any` at the first that is true, also if a part before it
    could not be evaluated: an error counts only when it decides. `timezone` is that of wanted instants
    without an offset, `now` (aware) the moment that ages are counted from."""
    ends = time.monotonic() + deadline.total_seconds()

    def look() -> Look:
        moment = now if now is not None else dt.datetime.now(dt.UTC)
        return Look(moment, max(_SHORTEST_LOOK_SECONDS, ends - time.monotonic()))

    return _evaluate(condition, look, timezone, watchdog)


def _evaluate(
    condition: Condition, look: Callable[[], Look], timezone: str, watchdog: Watchdog
) -> Observation:
    match condition:
        case Comparison():
            return _compare(condition, look, timezone, watchdog)
        case AllOf():
            return _group(condition.conditions, Result.FALSE, look, timezone, watchdog)
        case AnyOf():
            return _group(condition.conditions, Result.TRUE, look, timezone, watchdog)
        case NotOf():
            inner = _evaluate(condition.condition, look, timezone, watchdog)
            return Observation(_NEGATED[inner.result], f"not ({inner.text})")


def _group(
    parts: tuple[Condition, ...],
    deciding: Result,
    look: Callable[[], Look],
    timezone: str,
    watchdog: Watchdog,
) -> Observation:
    """`all` is decided by a false part, `any` by a true one (Kleene's three-valued logic)."""
    seen: list[Observation] = []
    for part in parts:
        observation = _evaluate(part, look, timezone, watchdog)
        if observation.result is deciding:
            return observation
        seen.append(observation)
    errors = [observation for observation in seen if observation.result is Result.ERROR]
    if errors:
        return Observation(Result.ERROR, "; ".join(observation.text for observation in errors))
    return Observation(_NEGATED[deciding], "; ".join(observation.text for observation in seen))


def _compare(
    comparison: Comparison, look: Callable[[], Look], timezone: str, watchdog: Watchdog
) -> Observation:
    wanted = wanted_text(comparison.op, comparison.value)
    subject = redact_secrets(comparison.subject)
    try:
        probe, argument = find(comparison.subject)
        now = look()
        given = replace(now, seconds=now.seconds * _SHARE_OF_THE_PROBE)
        observed = normalised(
            watchdog.call(comparison.subject, lambda: probe.read(argument, given), now.seconds)
        )
        holds = compare(
            observed,
            comparison.op,
            comparison.value,
            timezone=timezone,
            ignore_case=probe.ignore_case,
        )
    except (SignalboxError, OSError, ValueError) as error:
        return Observation(Result.ERROR, f"{subject}: {_reason(error)}, wanted {wanted}")
    except Exception as error:
        # A probe may be anybody's code; whatever it raises is an error of this tick, not of the scheduler.
        return Observation(
            Result.ERROR, f"{subject}: {type(error).__name__}: {_reason(error)}, wanted {wanted}"
        )
    result = Result.TRUE if holds else Result.FALSE
    return Observation(result, f"{subject} = {_shown(probe, argument, observed)}, wanted {wanted}")


def _shown(probe: Probe, argument: str, observed: Value) -> str:
    if probe.name == "env" and observed is not None and is_secret_name(argument):
        return "(hidden)"
    return redact_secrets(shown(observed))


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return redact_secrets((str(error).strip() or type(error).__name__).splitlines()[0][:300])


_NEGATED = {Result.TRUE: Result.FALSE, Result.FALSE: Result.TRUE, Result.ERROR: Result.ERROR}
