"""People, logins and tokens in the database: no secret is in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from scheduler_defs.access import people, tokens
from scheduler_defs.access.table import Action, Subject
from scheduler_defs.declarations.models.access import Role
from scheduler_defs.errors import SignalboxError

HOUR = dt.timedelta(hours=1)
PASSWORD = "correct horse battery"


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(migrated_url)
    yield made
    made.dispose()


def everything_stored(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return "".join(
            str(connection.execute(sa.text(f"SELECT * FROM signalbox.{table}")).all())
            for table in ("people", "web_sessions", "api_tokens")
        )


def test_a_person_logs_in_with_the_password_until_it_ends_or_changes(engine: sa.Engine) -> None:
    people.add(engine, "ann", PASSWORD)
    assert people.log_in(engine, "ann", PASSWORD + "x", HOUR) is None
    assert people.log_in(engine, "nobody", PASSWORD, HOUR) is None
    first, second = (people.log_in(engine, "ann", PASSWORD, HOUR) for _ in range(2))
    assert first and second and first != second
    assert people.whose(engine, first) == "ann"
    people.log_out(engine, first)
    assert people.whose(engine, first) is None
    assert people.whose(engine, second) == "ann"
    people.set_password(engine, "ann", PASSWORD + " staple")
    assert people.whose(engine, second) is None
    expired = people.log_in(engine, "ann", PASSWORD + " staple", dt.timedelta(0))
    assert expired and people.whose(engine, expired) is None
    stored = everything_stored(engine)
    assert PASSWORD not in stored
    assert expired not in stored
    people.remove(engine, "ann")
    assert people.log_in(engine, "ann", PASSWORD + " staple", HOUR) is None


@pytest.mark.parametrize(
    ("name", "password", "fault"),
    [
        ("ann", PASSWORD, "already"),
        ("ben", "short", "10 to 1000"),
        ("token:ben", PASSWORD, "no name"),
        ("", PASSWORD, "no name"),
        ("a\nb", PASSWORD, "no name"),
    ],
)
def test_who_cannot_be_added_is_said(engine: sa.Engine, name: str, password: str, fault: str) -> None:
    people.add(engine, "ann", PASSWORD)
    with pytest.raises(SignalboxError, match=fault):
        people.add(engine, name, password)


def test_a_token_is_good_within_its_role_and_scope_until_it_ends_or_is_revoked(engine: sa.Engine) -> None:
    secret = tokens.create(engine, "ci", Role.OPERATOR, created_by="ann", scope={"jobs": ["deploy-*"]})
    found = tokens.find(engine, secret)
    assert found is not None and found.name == "token:ci"
    assert found.may(Action.RUN, Subject(job="deploy-web"))
    assert not found.may(Action.RUN, Subject(job="report"))
    assert secret not in everything_stored(engine)
    (listed,) = tokens.tokens(engine)
    assert listed["last_used"] is not None
    assert "token" not in listed and "digest" not in listed
    over = tokens.create(engine, "old", Role.ADMIN, created_by="ann", expires=dt.datetime.now(dt.UTC) - HOUR)
    assert tokens.find(engine, over) is None
    assert tokens.find(engine, "sbx_none") is None
    tokens.revoke(engine, "ci")
    assert tokens.find(engine, secret) is None
    with pytest.raises(SignalboxError, match="no token"):
        tokens.revoke(engine, "ci")


@pytest.mark.attack
def test_given_people_logins_and_tokens_then_each_deed_is_signed_for_without_a_secret(
    engine: sa.Engine,
) -> None:
    from scheduler_defs.audit.store import Query, read

    people.add(engine, "ann", "long enough 1")
    people.log_in(engine, "ann", "long enough 1", dt.timedelta(hours=1))
    people.log_in(engine, "ann", "something else", dt.timedelta(hours=1))
    people.set_password(engine, "ann", "long enough 2")
    people.remove(engine, "ann")
    secret = tokens.create(engine, "ci", Role.VIEWER, created_by="ann")
    tokens.revoke(engine, "ci")
    with engine.connect() as connection:
        found = read(connection, Query(action="access"))[::-1]
    assert [(each.action, each.subject, each.actor) for each in found if each.actor != "signalbox"] == [
        ("access.login", "person:ann", "ann"),
        ("access.login_refused", "person:ann", "unknown"),
    ]
    assert [each.action.partition(".")[2] for each in found] == [
        *("person_added", "login", "login_refused", "password_set", "person_removed"),
        *("token_created", "token_revoked"),
    ]
    assert secret not in str(found)
    assert "long enough" not in str(found)
