"""Why something became of an occurrence: a code with its numbers. Worded only where it is shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Collapsed:
    """It was missed, and the later one that runs stands for it as well."""

    code: ClassVar[str] = "collapsed"
    into: dt.datetime


@dataclass(frozen=True, slots=True)
class NotCaughtUp:
    """It was missed, and its `catch_up` (the policy, its window, its limit of 100) leaves it out."""

    code: ClassVar[str] = "not_caught_up"
    catch_up: str


@dataclass(frozen=True, slots=True)
class Late:
    """It was too late for its misfire grace."""

    code: ClassVar[str] = "late"
    late: dt.timedelta
    allowed: dt.timedelta


@dataclass(frozen=True, slots=True)
class Missed:
    """It runs, and others before it were missed: so many from `since` on. `more`: at least so many."""

    code: ClassVar[str] = "missed"
    collapsed: int
    left_out: int
    caught_up: int
    catch_up: str
    since: dt.datetime | None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Overlap:
    """A run of an earlier occurrence has not ended. `due` is what that one is for; None: run by hand."""

    code: ClassVar[str] = "overlap"
    run_id: str | None
    due: str | None
    stage: str
    overlap: str


@dataclass(frozen=True, slots=True)
class Limit:
    """So many runs are active. `limit` 0: it never runs."""

    code: ClassVar[str] = "limit"
    name: str
    active: int
    limit: int


@dataclass(frozen=True, slots=True)
class Jitter:
    """It starts later, as its jitter says."""

    code: ClassVar[str] = "jitter"
    start: dt.datetime


@dataclass(frozen=True, slots=True)
class Waited:
    """It runs, after it had waited; `code_before` is what for."""

    code: ClassVar[str] = "waited"
    waited: dt.timedelta
    code_before: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """It waited, and the next occurrence took its place."""

    code: ClassVar[str] = "replaced"
    by: dt.datetime


@dataclass(frozen=True, slots=True)
class Paused:
    """Somebody has paused the schedule."""

    code: ClassVar[str] = "paused"
    actor: str
    until: dt.datetime | None
    why: str | None


@dataclass(frozen=True, slots=True)
class NotFired:
    """The condition was looked at and starts nothing: `why` is `false`, `held` or `cooldown`."""

    code: ClassVar[str] = "not_fired"
    observed: str
    why: str
    cooldown: dt.timedelta | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """The condition holds: what was seen."""

    code: ClassVar[str] = "fired"
    observed: str


@dataclass(frozen=True, slots=True)
class ConditionError:
    """The condition could not be looked at, so many times in a row."""

    code: ClassVar[str] = "condition_error"
    observed: str
    errors: int


@dataclass(frozen=True, slots=True)
class RunEarly:
    """Somebody ran it before its time."""

    code: ClassVar[str] = "run_early"
    due: dt.datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """It waited, and then its schedule was edited, removed, switched off or paused: `why` says which."""

    code: ClassVar[str] = "withdrawn"
    why: str


@dataclass(frozen=True, slots=True)
class NotDue:
    """The tick is no occurrence. `following`: the next; `refusal`: the policy that leaves it out."""

    code: ClassVar[str] = "not_due"
    following: dt.datetime | None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class BeforeEdit:
    """The tick lies before the rule came into force."""

    code: ClassVar[str] = "before_edit"
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class DeclaredLate:
    """It had passed when the rule that names it came into force, moments after its file was written."""

    code: ClassVar[str] = "declared_late"
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class DecidedBefore:
    """The occurrence was decided at an earlier tick."""

    code: ClassVar[str] = "decided_before"
    outcome: str | None


Reason: TypeAlias = (
    Collapsed
    | NotCaughtUp
    | Late
    | Missed
    | Overlap
    | Limit
    | Jitter
    | Waited
    | Replaced
    | Paused
    | NotFired
    | Fired
    | ConditionError
    | RunEarly
    | Withdrawn
    | NotDue
    | BeforeEdit
    | DeclaredLate
    | DecidedBefore
)

_BY_CODE: Mapping[str, type[Reason]] = {kind.code: kind for kind in Reason.__args__}


def numbers(reason: Reason) -> dict[str, Any]:
    """The fields as JSON: instants in ISO 8601, spans in seconds."""
    return {field.name: _plain(getattr(reason, field.name)) for field in fields(reason)}


def reason(code: str | None, found: Mapping[str, Any]) -> Reason | None:
    """The reason that was written; None for none, and for a code that a later release has written."""
    kind = _BY_CODE.get(code or "")
    if kind is None:
        return None
    known = {field.name: field.type for field in fields(kind)}
    return kind(**{name: _typed(str(known[name]), value) for name, value in found.items() if name in known})


def _plain(value: Any) -> Any:
    match value:
        case dt.datetime():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case _:
            return value


def _typed(declared: str, value: Any) -> Any:
    if value is None:
        return None
    if declared.startswith("dt.datetime"):
        return dt.datetime.fromisoformat(value)
    if declared.startswith("dt.timedelta"):
        return dt.timedelta(seconds=value)
    return value
