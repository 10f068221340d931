"""Comparing what was observed with what is wanted: pure rules.

The kind of the observed value decides how the wanted one is read. Texts that are both numbers, both
instants or both durations are ordered as such, never letter by letter. Nothing (None) makes every operator
but `exists` false."""

from __future__ import annotations

import datetime as dt
import fnmatch
import operator
from collections.abc import Callable
from typing import Any

from scheduler_defs.conditions.values import (
    Value,
    as_boolean,
    as_duration,
    as_instant,
    as_number,
    as_text,
    kind,
    shown,
)
from scheduler_defs.declarations.models.base import Scalar
from scheduler_defs.declarations.models.conditions import Operator
from scheduler_defs.errors import SignalboxError
from scheduler_defs.patterns import found_in


class ComparisonError(SignalboxError):
    """The two values cannot be compared this way. That is an error, not a "no"."""


SYMBOLS: dict[Operator, str] = {
    Operator.EQ: "=",
    Operator.NEQ: "!=",
    Operator.GT: ">",
    Operator.GTE: ">=",
    Operator.LT: "<",
    Operator.LTE: "<=",
}
_ORDERINGS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
}


def compare(
    observed: Value,
    op: Operator,
    wanted: Scalar | None,
    *,
    timezone: str = "UTC",
    ignore_case: bool = False,
) -> bool:
    """Whether `observed op wanted` holds. Raises ComparisonError when that has no meaning.

    `timezone` is that of wanted instants without an offset.
    """
    if op is Operator.EXISTS:
        return _exists(observed) is not (wanted is False)
    if wanted is None:
        raise ComparisonError(f"{op}: needs a value to compare with")
    if observed is None:
        return False
    if op is Operator.REGEX:
        return _found(_text(wanted, op), _scalar_text(observed, op), ignore_case)
    if ignore_case and isinstance(observed, str) and isinstance(wanted, str):
        observed, wanted = observed.casefold(), wanted.casefold()
    match op:
        case Operator.EQ:
            return _equal(observed, wanted, timezone)
        case Operator.NEQ:
            return not _equal(observed, wanted, timezone)
        case Operator.CONTAINS:
            return _contains(observed, wanted, timezone)
        case Operator.MATCHES:
            return fnmatch.fnmatchcase(_scalar_text(observed, op), _text(wanted, op))
        case _:
            return _ordered(observed, op, wanted, timezone)


def wanted_text(op: Operator, wanted: Scalar | None) -> str:
    """What is wanted, for the text of a tick: `< 10`, `to exist`, `to contain x`."""
    if op is Operator.EXISTS:
        return "not to exist" if wanted is False else "to exist"
    if op in SYMBOLS:
        return f"{SYMBOLS[op]} {shown(wanted)}"
    words = {Operator.CONTAINS: "to contain", Operator.MATCHES: "to match", Operator.REGEX: "to match regex"}
    return f"{words[op]} {shown(wanted)}"


def _found(pattern: str, text: str, ignore_case: bool) -> bool:
    try:
        return found_in(f"(?i){pattern}" if ignore_case else pattern, text)
    except ValueError as error:
        raise SignalboxError(f"regex: {error}") from None


def _exists(observed: Value) -> bool:
    return observed is not None and not (isinstance(observed, str) and not observed.strip())


def _equal(observed: Value, wanted: Scalar, timezone: str) -> bool:
    if isinstance(observed, str) and isinstance(wanted, str):
        instants = as_instant(observed, timezone), as_instant(wanted, timezone)
        return observed == wanted or (None not in instants and instants[0] == instants[1])
    one, other = _alike(observed, wanted, timezone)
    return one == other


def _ordered(observed: Value, op: Operator, wanted: Scalar, timezone: str) -> bool:
    if isinstance(observed, bool) or isinstance(wanted, bool):
        raise ComparisonError(f"{op}: booleans have no order; use eq or neq")
    if isinstance(observed, str) and isinstance(wanted, str):
        for read in (as_number, lambda text: as_instant(text, timezone), as_duration):
            one, other = read(observed), read(wanted)
            if one is not None and other is not None:
                return _ORDERINGS[op](one, other)
        return _ORDERINGS[op](observed, wanted)
    one, other = _alike(observed, wanted, timezone)
    return _ORDERINGS[op](one, other)


def _alike(observed: Value, wanted: Scalar, timezone: str) -> tuple[Any, Any]:
    """Both values as the kind that the observed one has (or, for a text, the wanted one)."""
    match observed:
        case bool():
            other: Any = as_boolean(wanted)
        case int() | float():
            other = as_number(wanted)
        case dt.timedelta():
            other = as_duration(wanted)
        case dt.datetime():
            other = as_instant(wanted, timezone)
        case str():
            read = as_boolean(observed) if isinstance(wanted, bool) else as_number(observed)
            if read is None:
                raise _mismatch(observed, wanted)
            return read, wanted
        case _:
            raise _mismatch(observed, wanted)
    if other is None:
        raise _mismatch(observed, wanted)
    return observed, other


def _contains(observed: Value, wanted: Scalar, timezone: str) -> bool:
    match observed:
        case str():
            return as_text(wanted) in observed
        case dict():
            return as_text(wanted) in observed
        case list():
            return any(_same_item(item, wanted, timezone) for item in observed)
        case _:
            raise ComparisonError(f"contains: looks into a text, list or object, not a {kind(observed)}")


def _same_item(item: Any, wanted: Scalar, timezone: str) -> bool:
    """Whether an item of a list is the wanted one; items of other kinds are just not it."""
    if isinstance(item, bool) is not isinstance(wanted, bool):
        return False
    try:
        return item is not None and _equal(item, wanted, timezone)
    except ComparisonError:
        return False


def _scalar_text(observed: Value, op: Operator) -> str:
    if isinstance(observed, list | dict):
        raise ComparisonError(f"{op}: compares texts, not a {kind(observed)}")
    return as_text(observed)


def _text(wanted: Scalar, op: Operator) -> str:
    if not isinstance(wanted, str):
        raise ComparisonError(f"{op}: needs a text, not {wanted!r}")
    return wanted


def _mismatch(observed: Value, wanted: Scalar) -> ComparisonError:
    return ComparisonError(
        f"{shown(observed)} is a {kind(observed)} and cannot be compared with {wanted!r}, a {kind(wanted)}"
    )
