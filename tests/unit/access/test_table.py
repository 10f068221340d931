"""Role times action times scope."""

from __future__ import annotations

import pytest

from scheduler_defs.access.table import TABLE, Action, NotAllowed, Principal, Subject, admin, of_person
from scheduler_defs.declarations.models.access import AccessGrant, Role

ORDER = list(Role)


def grant(role: Role = Role.OPERATOR, **bounds: tuple[str, ...]) -> AccessGrant:
    return AccessGrant(who=("ann",), role=role, **bounds)


@pytest.mark.parametrize("action", Action)
def test_each_role_may_do_what_those_before_it_may_and_an_admin_everything(action: Action) -> None:
    allowed = [action in TABLE[role] for role in ORDER]
    assert allowed == sorted(allowed)
    assert allowed[-1]


def test_whom_no_grant_names_may_do_nothing() -> None:
    nobody = of_person("ben", [grant(Role.ADMIN)])
    assert not any(nobody.may(action) or nobody.may_somewhere(action) for action in Action)
    with pytest.raises(NotAllowed, match="look needs the role viewer; ben has no role"):
        nobody.require(Action.LOOK)


def test_who_is_a_glob() -> None:
    grants = [AccessGrant(who=("*@ops.example",), role=Role.VIEWER)]
    assert of_person("ann@ops.example", grants).may(Action.LOOK)
    assert not of_person("ann@ops.example.evil", grants).may(Action.LOOK)


@pytest.mark.parametrize(
    ("bounds", "subject", "allowed"),
    [
        ({}, Subject(), True),
        ({"jobs": ("deploy-*",)}, Subject(job="deploy-web"), True),
        ({"jobs": ("deploy-*",)}, Subject(job="deploy_web"), True),
        ({"jobs": ("deploy-*",)}, Subject(job="report"), False),
        ({"jobs": ("deploy-*",)}, Subject(), False),
        ({"jobs": ("deploy-*",)}, Subject(schedule="nightly", job="deploy-web"), True),
        ({"schedules": ("nightly",)}, Subject(job="deploy-web"), False),
        ({"owners": ("team-a",)}, Subject(job="x", owner="team-a"), True),
        ({"queues": ("dev",), "jobs": ("x",)}, Subject(queue="dev"), True),
    ],
)
def test_bounds_hold_for_what_changes_something(
    bounds: dict[str, tuple[str, ...]], subject: Subject, allowed: bool
) -> None:
    ann = Principal("ann", (grant(**bounds),))
    assert ann.may(Action.RUN, subject) is allowed
    assert ann.may(Action.LOOK, subject)
    assert ann.may_somewhere(Action.RUN)
    assert not ann.may(Action.EDIT, subject)


def test_a_refusal_says_what_it_needs_for_what_and_what_is_there() -> None:
    ann = Principal("ann", (grant(jobs=("x",)),))
    with pytest.raises(NotAllowed, match="run needs the role operator for job y; ann has operator"):
        ann.require(Action.RUN, Subject(job="y"))
    admin("root").require(Action.ADMINISTER, Subject(job="y"))
