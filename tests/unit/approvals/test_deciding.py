"""Who may decide, how many must, and that nobody counts twice."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from scheduler_defs.access import tokens
from scheduler_defs.access.table import NotAllowed, admin
from scheduler_defs.approvals.deciding import AlreadyDecided, UnknownApproval, approve, deny
from scheduler_defs.audit.store import Query, read
from scheduler_defs.declarations.models.access import Role
from scheduler_defs.errors import SignalboxError
from tests.unit.approvals.setting import Yard, person


def the_one(yard: Yard, approve: str, by: str = "ann") -> int:
    yard.declare(approve)
    yard.ask(by)
    return yard.waiting()[0]["id"]


def test_given_two_that_are_needed_then_one_person_counts_once(yard: Yard) -> None:
    key = the_one(yard, "{needs: 2}")
    assert approve(yard.engine, key, person("bob"))["given"] == 1
    again = approve(yard.engine, key, person("bob"))
    assert (again["given"], again["state"]) == (1, "pending")
    assert approve(yard.engine, key, person("cat"))["state"] == "approved"


def test_given_two_tokens_of_one_person_then_they_count_as_the_person(yard: Yard) -> None:
    key = the_one(yard, "{needs: 2}")
    for name in ("laptop", "phone"):
        secret = tokens.create(yard.engine, name, Role.OPERATOR, created_by="bob")
        who = tokens.find(yard.engine, secret)
        assert who is not None
        found = approve(yard.engine, key, who)
    assert (found["given"], found["state"], found["approvers"]) == (1, "pending", ["bob"])


def test_given_the_requester_is_not_to_decide_then_neither_he_nor_his_token_may(yard: Yard) -> None:
    key = the_one(yard, "{not_requester: yes}")
    secret = tokens.create(yard.engine, "anns", Role.ADMIN, created_by="ann")
    his = tokens.find(yard.engine, secret)
    assert his is not None
    for who in (admin("ann"), his):
        with pytest.raises(NotAllowed, match="ann asked for the run, and somebody else must agree"):
            approve(yard.engine, key, who)
    assert approve(yard.engine, key, person("bob"))["state"] == "approved"


@pytest.mark.parametrize(
    ("policy", "name", "role", "may"),
    [
        ("{who: ['*@ops.example']}", "cat@ops.example", Role.OPERATOR, True),
        ("{who: ['*@ops.example']}", "cat", Role.ADMIN, False),
        ("{roles: [admin]}", "cat", Role.ADMIN, True),
        ("{roles: [admin]}", "cat", Role.OPERATOR, False),
        ("{who: [dan], roles: admin}", "dan", Role.OPERATOR, True),
        ("yes", "cat", Role.VIEWER, False),
        ("{who: [cat]}", "cat", Role.VIEWER, False),
    ],
)
def test_given_who_may_decide_then_nobody_else_does(
    yard: Yard, policy: str, name: str, role: Role, may: bool
) -> None:
    key = the_one(yard, policy)
    if may:
        assert approve(yard.engine, key, person(name, role))["state"] == "approved"
    else:
        with pytest.raises(NotAllowed):
            approve(yard.engine, key, person(name, role))
        with pytest.raises(NotAllowed):
            deny(yard.engine, key, person(name, role), "no")


def test_given_an_operator_of_other_jobs_then_he_decides_nothing_here(yard: Yard) -> None:
    key = the_one(yard, "yes")
    with pytest.raises(NotAllowed, match="approve needs the role operator for job deploy"):
        approve(yard.engine, key, person("bob", jobs=("report-*",)))
    assert approve(yard.engine, key, person("bob", owners=("ops",)))["state"] == "approved"


def test_given_a_decision_then_it_stays(yard: Yard) -> None:
    key = the_one(yard, "yes")
    deny(yard.engine, key, person("bob"), "too early")
    with pytest.raises(AlreadyDecided, match=f"approval {key} is denied already: too early"):
        approve(yard.engine, key, person("cat"))
    with yard.engine.begin() as connection, pytest.raises(IntegrityError, match="is decided: denied"):
        connection.execute(sa.text("UPDATE signalbox.approvals SET state = 'pending', decided = NULL"))


def test_given_too_few_who_agree_then_the_database_refuses_to_call_it_approved(yard: Yard) -> None:
    key = the_one(yard, "{needs: 2}")
    approve(yard.engine, key, person("bob"))
    with yard.engine.begin() as connection, pytest.raises(IntegrityError, match="fewer have agreed"):
        connection.execute(sa.text("UPDATE signalbox.approvals SET state = 'approved', decided = now()"))


def test_given_somebody_who_agreed_then_he_may_still_object(yard: Yard) -> None:
    key = the_one(yard, "{needs: 2}")
    approve(yard.engine, key, person("bob"))
    found = deny(yard.engine, key, person("bob"), "I looked again")
    assert (found["state"], found["given"], found["reason"]) == ("denied", 0, "I looked again")


def test_given_many_who_agree_at_the_same_moment_then_the_run_is_approved_once(yard: Yard) -> None:
    key = the_one(yard, "{needs: 3}")
    states: list[str] = []

    def agree(name: str) -> None:
        try:
            states.append(approve(yard.engine, key, person(name))["state"])
        except AlreadyDecided:
            states.append("late")

    threads = [threading.Thread(target=agree, args=(f"p{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == ["approved", "late", "late", "late", "pending", "pending"]


def test_given_what_cannot_be_decided_then_the_error_says_why(yard: Yard) -> None:
    key = the_one(yard, "{within: 1h}")
    with pytest.raises(UnknownApproval, match="there is no approval 999"):
        approve(yard.engine, 999, person("bob"))
    with pytest.raises(SignalboxError, match="a denial needs a reason"):
        deny(yard.engine, key, person("bob"), "  ")
    yard.let_expire(key)
    with pytest.raises(AlreadyDecided, match="the time for approval"):
        approve(yard.engine, key, person("bob"))


def test_given_a_decision_then_the_audit_names_who_and_why(yard: Yard) -> None:
    key = the_one(yard, "yes")
    deny(yard.engine, key, person("bob"), "not today")
    with yard.engine.connect() as connection:
        (entry,) = read(connection, Query(action="approval.decided"))
    assert (entry.actor, entry.reason) == ("bob", "not today")
    assert entry.after is not None
    assert entry.after["state"] == "denied"
