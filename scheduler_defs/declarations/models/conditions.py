"""Conditions: what a conditional schedule looks at, and what it wants to see."""

from __future__ import annotations

from enum import StrEnum

from scheduler_defs.declarations.models.base import Model, Scalar


class Fire(StrEnum):
    """When a conditional schedule starts a run."""

    LEVEL = "level"
    """At every check at which the condition holds."""
    EDGE = "edge"
    """Only when the condition has become true since the check before."""


class Operator(StrEnum):
    """How a condition compares what it observes with its value."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EXISTS = "exists"
    """There is something to observe; takes `value: true` (the default) or `value: false`."""
    CONTAINS = "contains"
    MATCHES = "matches"
    """A glob over the whole text."""
    REGEX = "regex"
    """A regular expression found anywhere in the text."""


class Comparison(Model):
    """One observation compared with a value. `subject` is `probe` or `probe:argument`: `env:HOME`."""

    subject: str
    op: Operator
    value: Scalar | None = None


class AllOf(Model):
    """Holds when all of its conditions hold."""

    conditions: tuple[Condition, ...]


class AnyOf(Model):
    """Holds when at least one of its conditions holds."""

    conditions: tuple[Condition, ...]


class NotOf(Model):
    """Holds when its condition does not."""

    condition: Condition


Condition = Comparison | AllOf | AnyOf | NotOf


def subjects(condition: Condition) -> tuple[str, ...]:
    """Every subject that the condition looks at, in the order written."""
    match condition:
        case Comparison():
            return (condition.subject,)
        case AllOf() | AnyOf():
            return tuple(each for part in condition.conditions for each in subjects(part))
        case NotOf():
            return subjects(condition.condition)
