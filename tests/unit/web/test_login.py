"""Logging in: the page, the cookie, the wrong password, and tokens."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from scheduler_defs.access import people, tokens
from scheduler_defs.declarations.models.access import Access, AccessGrant, Mode, Role
from scheduler_defs.web.access.identity import COOKIE
from scheduler_defs.web.access.login import inside
from tests.standins.web import CREDENTIAL, LAUNCH, Web, posted, serving

pytestmark = pytest.mark.attack

PASSWORD = "correct horse battery"
ACCESS = Access(mode=Mode.PASSWORD, grants=(AccessGrant(who=("ann",), role=Role.VIEWER),))
PAGE = {"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(migrated_url)
    people.add(made, "ann", PASSWORD)
    yield made
    made.dispose()


@pytest.fixture
def web(engine: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("web"), access=ACCESS, engine=lambda: engine) as started:
        yield started


def log_in(client: TestClient, password: str = PASSWORD, **fields: str):
    return client.post("/signalbox/login", data={"name": "ann", "password": password, **fields})


def test_a_person_is_led_to_the_login_and_back_and_out(web: Web) -> None:
    client = web.client()
    sent = client.get("/runs?q=1", headers=PAGE)
    assert (sent.status_code, sent.headers["Location"]) == (303, "/signalbox/login?next=/runs%3Fq%3D1")
    page = client.get(sent.headers["Location"])
    assert 'name="password"' in page.text
    assert 'value="/runs?q=1"' in page.text
    answer = log_in(client, next="/runs?q=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/runs?q=1")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert client.get("/runs", headers=PAGE).status_code == 200
    assert posted(client, LAUNCH).status_code == 403
    kept = client.cookies[COOKIE]
    client.post("/signalbox/logout")
    client.cookies.set(COOKIE, kept)
    assert posted(client, "{ version }").status_code == 401


def test_programs_are_told_what_is_needed(web: Web) -> None:
    answer = posted(web.client(), "{ version }")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "API token" in answer.json()["detail"]


def test_a_login_is_never_one_that_was_there_before(web: Web) -> None:
    fields = {"name": "ann", "password": PASSWORD}
    planted = {"Cookie": f"{COOKIE}=planted"}
    answer = web.client().post("/signalbox/login", data=fields, headers=planted)
    assert answer.status_code == 303
    assert "planted" not in answer.headers["Set-Cookie"]
    assert posted(web.client(**planted), "{ version }").status_code == 401


def test_wrong_passwords_are_counted_and_the_right_one_waits_too(web: Web) -> None:
    client = web.client()
    for _ in range(5):
        wrong = log_in(client, "wrong")
        assert wrong.status_code == 401
        assert "name or password is wrong" in wrong.text
    stopped = log_in(client)
    assert stopped.status_code == 429
    assert 0 < int(stopped.headers["Retry-After"]) <= 10
    # Her name is not shut for that: from elsewhere she gets in.
    assert log_in(web.client(address="192.0.2.8")).status_code == 303


def test_another_pages_form_logs_nobody_in(web: Web) -> None:
    fields = {"name": "ann", "password": PASSWORD}
    answer = web.client().post("/signalbox/login", data=fields, headers={"Origin": "http://evil.test"})
    assert answer.status_code == 403


def test_what_was_typed_is_shown_as_text(web: Web) -> None:
    answer = web.client().post("/signalbox/login", data={"name": '"><script>x</script>', "password": "y"})
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "wanted", ["//evil.test", "/\\evil.test", "https://evil.test", "evil", "", None, "/a\r\nSet-Cookie: x=y"]
)
def test_a_login_leads_to_our_own_pages_only(wanted: str | None) -> None:
    assert inside(wanted, "/yard") == "/yard/"
    assert inside("/yard/runs?x=1", "/yard") == "/yard/runs?x=1"


def test_a_token_acts_within_its_role_and_no_longer_than_it_is_good(web: Web, engine: sa.Engine) -> None:
    viewer = tokens.create(engine, "look", Role.VIEWER, created_by="ann")
    ci = tokens.create(engine, "ci", Role.OPERATOR, created_by="ann")
    over = tokens.create(engine, "over", Role.ADMIN, created_by="ann", expires=dt.datetime.now(dt.UTC))
    before = web.runs()
    assert posted(web.client(Authorization=f"Bearer {viewer}"), LAUNCH).status_code == 403
    assert posted(web.client(Authorization=f"Bearer {over}"), "{ version }").status_code == 401
    assert posted(web.client(Authorization="Bearer sbx_none"), "{ version }").status_code == 401
    assert web.runs() == before
    assert posted(web.client(Authorization=f"Bearer {ci}"), LAUNCH).status_code == 200
    assert web.runs() == before + 1


def test_no_password_token_or_cookie_is_in_any_log(
    web: Web, engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client, token = web.client(), tokens.create(engine, "ci", Role.OPERATOR, created_by="ann")
    log_in(client, "a wrong password of mine")
    cookie = log_in(client).cookies[COOKIE]
    posted(client, "{ version }")
    posted(web.client(Authorization=f"Bearer {token}"), LAUNCH)
    posted(web.client(Authorization="Bearer sbx_a_wrong_one"), "{ no_such_field }")
    for secret in (PASSWORD, "a wrong password of mine", token, cookie, "sbx_a_wrong_one"):
        assert secret not in caplog.text


def test_the_stack_itself_comes_in_with_its_credential(web: Web) -> None:
    assert posted(web.client(Authorization=f"Bearer {CREDENTIAL}"), LAUNCH).status_code == 200


def test_in_mode_local_there_is_no_login_and_a_bad_token_is_still_refused(
    tmp_path_factory: pytest.TempPathFactory, engine: sa.Engine
) -> None:
    with serving(tmp_path_factory.mktemp("web"), engine=lambda: engine) as web:
        assert web.client().get("/signalbox/login").status_code == 404
        assert posted(web.client(), "{ version }").status_code == 200
        assert posted(web.client(address="192.0.2.9"), "{ version }").status_code == 401
        assert posted(web.client(Authorization="Bearer sbx_none"), "{ version }").status_code == 401
        who = {"Authorization": "Bearer x" * 10}
        assert posted(web.client(**who), "{ version }").status_code == 401


def test_too_many_requests_of_one_are_told_when_to_come_again(
    tmp_path_factory: pytest.TempPathFactory, engine: sa.Engine
) -> None:
    slow = Access(requests_per_second=1)
    secret = tokens.create(engine, "busy", Role.VIEWER, created_by="ann")
    with serving(tmp_path_factory.mktemp("web"), access=slow, engine=lambda: engine) as web:
        client = web.client(Authorization=f"Bearer {secret}")
        found = [client.get("/server_info") for _ in range(8)]
    assert 429 in [answer.status_code for answer in found]
    assert next(answer for answer in found if answer.status_code == 429).headers["Retry-After"] == "1"


def test_below_a_prefix_everything_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, engine: sa.Engine
) -> None:
    folder = tmp_path_factory.mktemp("web")
    with serving(folder, access=ACCESS, engine=lambda: engine, path_prefix="/yard") as web:
        client = web.client()
        sent = client.get("/yard/runs", headers=PAGE)
        assert sent.headers["Location"] == "/yard/signalbox/login?next=/yard/runs"
        fields = {"name": "ann", "password": PASSWORD, "next": "/yard/runs"}
        assert client.post("/yard/signalbox/login", data=fields).status_code == 303
        assert client.get("/yard/runs").status_code == 200
