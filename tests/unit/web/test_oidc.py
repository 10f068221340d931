"""Logging in at an OpenID Connect provider: one on loopback that tells the truth, and one that lies."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
import sqlalchemy as sa
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from scheduler_defs.access import people
from scheduler_defs.declarations.models.access import Access, AccessGrant, Mode, OidcProvider, Role
from scheduler_defs.web.access.identity import COOKIE
from tests.conftest import fresh_database
from tests.standins.oidc import CLIENT, SECRET, StandIn, provider
from tests.standins.web import LAUNCH, Web, posted, serving

pytestmark = pytest.mark.attack

PAGE = {"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate"}
CALLBACK = "/signalbox/login/callback"


def access(standin: StandIn) -> Access:
    oidc = OidcProvider(issuer=standin.issuer, client_id=CLIENT, client_secret="OF_THE_CLIENT")
    grants = (
        AccessGrant(who=("ann",), role=Role.VIEWER),
        AccessGrant(groups=("ops-*",), role=Role.OPERATOR, jobs=("dep*",)),
    )
    return Access(mode=Mode.OIDC, oidc=oidc, grants=grants)


@pytest.fixture(scope="module")
def engine(postgres_server: str, migrated_template: str) -> Iterator[sa.Engine]:
    with fresh_database(postgres_server, template=migrated_template) as url:
        made = sa.create_engine(url)
        yield made
        made.dispose()


@pytest.fixture(scope="module")
def one_provider() -> Iterator[StandIn]:
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def webserver(
    one_provider: StandIn, engine: sa.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    with serving(folder, access=access(one_provider), engine=lambda: engine) as started:
        yield started


@pytest.fixture
def standin(one_provider: StandIn) -> StandIn:
    """It tells the truth again."""
    fresh = StandIn(issuer=one_provider.issuer, key=one_provider.key)
    one_provider.__dict__.update(fresh.__dict__)
    return one_provider


@pytest.fixture
def web(webserver: Web, standin: StandIn, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Nobody has logged in, nothing is remembered of the provider, and the client's secret is set."""
    monkeypatch.setenv("OF_THE_CLIENT", SECRET)
    webserver.forget_provider()
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM signalbox.oidc_sessions"))
        connection.execute(sa.text("TRUNCATE signalbox.audit_log"))
    return webserver


def come_back(client: TestClient, wanted: str = "/runs") -> str:
    """The address at which the provider sends the browser back."""
    sent = client.get("/signalbox/login", params={"next": wanted})
    assert sent.status_code == 303, sent.text
    there = requests.get(sent.headers["Location"], allow_redirects=False, timeout=10)
    back = urlsplit(there.headers["Location"])
    return f"{back.path}?{back.query}"


def log_in(client: TestClient, wanted: str = "/runs") -> Any:
    return client.get(come_back(client, wanted), headers=PAGE)


def test_a_person_is_led_to_the_provider_and_back_to_the_page_and_out(web: Web, standin: StandIn) -> None:
    client = web.client()
    sent = client.get("/runs?q=1", headers=PAGE)
    assert (sent.status_code, sent.headers["Location"]) == (303, "/signalbox/login?next=/runs%3Fq%3D1")
    answer = log_in(client, "/runs?q=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/runs?q=1")
    (asked,) = standin.asked
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    assert asked["redirect_uri"] == f"http://127.0.0.1:3000{CALLBACK}"
    cookie = next(each for each in answer.headers.get_list("Set-Cookie") if each.startswith(COOKIE))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert client.get("/runs", headers=PAGE).status_code == 200
    assert posted(client, LAUNCH).status_code == 403
    assert "Log out" in client.get("/signalbox/api").text
    kept = client.cookies[COOKIE]
    out = client.post("/signalbox/logout", data={})
    assert out.headers["Location"] == "/signalbox/logged-out"
    assert f"{standin.issuer}/end?client_id=signalbox" in client.get("/signalbox/logged-out").text
    client.cookies.set(COOKIE, kept)
    assert posted(client, "{ version }").status_code == 401


def test_groups_of_the_provider_give_roles_within_bounds(web: Web, standin: StandIn) -> None:
    standin.person = {"sub": "u2", "preferred_username": "ben", "groups": ["staff", "ops-night"]}
    client = web.client()
    assert log_in(client).status_code == 303
    assert "ben" in client.get("/signalbox/api").text
    before = web.runs()
    assert posted(client, LAUNCH).status_code == 200
    assert web.runs() == before + 1


def test_whom_no_grant_names_gets_in_and_may_do_nothing(web: Web, standin: StandIn) -> None:
    standin.person = {"sub": "u3", "preferred_username": "eve"}
    client = web.client()
    assert log_in(client).status_code == 303
    assert client.get("/runs", headers=PAGE).status_code == 403


def test_what_the_token_leaves_out_is_asked_for_and_of_nobody_else(web: Web, standin: StandIn) -> None:
    standin.person = {"sub": "u2"}
    standin.elsewhere = {"sub": "u2", "preferred_username": "ben", "groups": ["ops-day"]}
    assert log_in(web.client()).status_code == 303
    standin.elsewhere["sub"] = "u1"
    assert "somebody else" in log_in(web.client()).text


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ({"nonce": "of another login"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"iss": "https://evil.test"}, "iss"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"exp": 1_000_000_000}, "expired"),
        ({"exp": None}, "exp"),
        ({"iat": 4_000_000_000}, "in the future"),
        ({"at_hash": "AAAA"}, "at_hash"),
        ({"preferred_username": "token:ci"}, "no name here"),
        ({"preferred_username": ""}, "preferred_username"),
        ({"preferred_username": ["ann"]}, "preferred_username"),
    ],
)
def test_a_token_that_is_not_for_this_login_lets_nobody_in(
    web: Web, standin: StandIn, engine: sa.Engine, lies: dict[str, Any], said: str
) -> None:
    standin.lies = lies
    client = web.client()
    answer = log_in(client)
    assert answer.status_code == 401
    assert said in answer.text
    assert COOKIE not in client.cookies
    with engine.connect() as connection:
        noted = connection.execute(sa.text("SELECT action, reason FROM signalbox.audit_log")).all()
        sessions = connection.execute(sa.text("SELECT count(*) FROM signalbox.oidc_sessions")).scalar()
    assert [row.action for row in noted] == ["access.login_refused"]
    assert sessions == 0


def test_a_token_of_another_key_or_of_the_clients_secret_lets_nobody_in(web: Web, standin: StandIn) -> None:
    standin.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert "refused" in log_in(web.client()).text
    standin.signs_with = None
    assert log_in(web.client()).status_code == 303


def test_a_new_key_of_the_provider_is_found(
    web: Web, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert log_in(web.client()).status_code == 303
    monkeypatch.setattr("scheduler_defs.access.oidc.provider._KEYS_SECONDS", 0.0)
    standin.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    assert log_in(web.client()).status_code == 303


def test_an_answer_counts_once(web: Web) -> None:
    client = web.client()
    back = come_back(client)
    began = dict(client.cookies)
    assert client.get(back, headers=PAGE).status_code == 303
    client.cookies.update(began)  # as if the browser had kept it
    again = client.get(back, headers=PAGE)
    assert again.status_code == 401
    assert "invalid_grant" in again.text


def test_an_answer_counts_once_also_where_the_provider_takes_its_code_twice(
    web: Web, standin: StandIn, engine: sa.Engine
) -> None:
    client = web.client()
    back = come_back(client)
    began = dict(client.cookies)
    codes = dict(standin.codes)
    assert client.get(back, headers=PAGE).status_code == 303
    client.cookies.update(began)
    standin.codes.update(codes)
    again = client.get(back, headers=PAGE)
    assert again.status_code == 401
    assert "used already" in again.text
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM signalbox.oidc_sessions")).scalar() == 1


def test_an_answer_that_is_brought_to_another_browser_logs_nobody_in(web: Web) -> None:
    back = come_back(web.client())
    victim = web.client()
    assert victim.get(back, headers=PAGE).status_code == 401
    come_back(victim)  # he has begun one of his own, too
    assert victim.get(back, headers=PAGE).status_code == 401
    assert COOKIE not in victim.cookies


def test_a_beginning_that_we_have_not_signed_is_none(web: Web) -> None:
    client = web.client()
    back = come_back(client)
    (cookie,) = client.cookies.values()
    body, _, mark = cookie.strip('"').partition(".")
    client.cookies.clear()
    for planted in (f"{body}x.{mark}", f"{body}.{mark[:-1]}0x", body, ""):
        answer = client.get(back, headers={**PAGE, "Cookie": f"signalbox_login={planted}"})
        assert answer.status_code == 401


def test_a_login_begun_long_ago_is_over(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    client = web.client()
    back = come_back(client)
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    assert "10 minutes" in client.get(back, headers=PAGE).text


def test_a_login_planted_beforehand_is_ended_and_never_taken_over(web: Web, engine: sa.Engine) -> None:
    client = web.client()
    assert log_in(client).status_code == 303
    planted = client.cookies[COOKIE]
    victim = web.client()
    victim.cookies.set(COOKIE, planted)
    assert log_in(victim).status_code == 303
    fresh = [each.value for each in victim.cookies.jar if each.name == COOKIE and each.value != planted]
    assert len(fresh) == 1
    assert posted(web.client(Cookie=f"{COOKIE}={planted}"), "{ version }").status_code == 401


@pytest.mark.parametrize("wanted", ["//evil.test", "https://evil.test/", "/\\evil.test", "javascript:x"])
def test_a_login_leads_to_our_own_pages_only(web: Web, wanted: str) -> None:
    assert log_in(web.client(), wanted).headers["Location"] == "/"


def test_a_host_that_is_none_of_ours_is_never_a_place_to_come_back_to(web: Web) -> None:
    answer = web.client().get("/signalbox/login", headers={"Host": "evil.test"})
    assert answer.status_code == 421


def test_what_the_provider_says_is_shown_as_text_in_one_line(web: Web) -> None:
    client = web.client()
    back = come_back(client)
    state = parse_qs(urlsplit(back).query)["state"][0]
    said = {"error": "access_denied", "error_description": "no\r\n<script>x</script>", "state": state}
    answer = client.get(f"{CALLBACK}?{urlencode(said)}", headers=PAGE)
    assert answer.status_code == 401
    assert "access_denied: no &lt;script&gt;" in answer.text


def test_another_providers_answer_is_refused(web: Web) -> None:
    client = web.client()
    answer = client.get(f"{come_back(client)}&iss=https%3A%2F%2Fevil.test", headers=PAGE)
    assert "another provider" in answer.text


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ({"issuer": "https://evil.test"}, "calls itself https://evil.test"),
        ({"token_endpoint": "ftp://127.0.0.1/token"}, "token_endpoint"),
        ({"jwks_uri": None}, "jwks_uri"),
    ],
)
def test_a_description_that_does_not_fit_is_said_in_a_line(
    web: Web, standin: StandIn, says: dict[str, Any], said: str
) -> None:
    standin.describes = says
    answer = web.client().get("/signalbox/login")
    assert answer.status_code == 502
    assert said in answer.text


def test_a_secret_that_is_not_set_is_said_by_its_name(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OF_THE_CLIENT")
    answer = web.client().get("/signalbox/login")
    assert answer.status_code == 502
    assert "OF_THE_CLIENT is not set" in answer.text


def test_logins_that_fail_are_counted(web: Web) -> None:
    client = web.client()
    found = [client.get(f"{CALLBACK}?state=x&code=y", headers=PAGE) for _ in range(51)]
    assert [answer.status_code for answer in found] == [401] * 50 + [429]
    assert int(found[-1].headers["Retry-After"]) > 0


def test_no_code_token_or_secret_is_logged_or_kept(
    web: Web, engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="scheduler_defs")
    client = web.client()
    back = come_back(client)
    code = parse_qs(urlsplit(back).query)["code"][0]
    client.get(back, headers=PAGE)
    with engine.connect() as connection:
        kept = "".join(
            str(connection.execute(sa.text(f"SELECT * FROM signalbox.{table}")).all())
            for table in ("oidc_sessions", "audit_log")
        )
    for secret in (code, SECRET, client.cookies[COOKIE]):
        assert secret not in caplog.text
        assert secret not in kept


def test_the_login_of_another_mode_is_none_here(web: Web, engine: sa.Engine) -> None:
    import datetime as dt

    people.add(engine, "ann", "correct horse battery")
    secret = people.log_in(engine, "ann", "correct horse battery", dt.timedelta(hours=1))
    assert posted(web.client(Cookie=f"{COOKIE}={secret}"), "{ version }").status_code == 401


def test_every_login_of_a_person_is_ended_at_once(web: Web, engine: sa.Engine) -> None:
    people.end_logins(engine, "ann")  # those of other tests
    first, second = web.client(), web.client()
    for client in (first, second):
        assert log_in(client).status_code == 303
    assert people.end_logins(engine, "ann") == 2
    assert posted(first, "{ version }").status_code == 401


def test_below_a_prefix_everything_is_the_same(
    web: Web, standin: StandIn, engine: sa.Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("web")
    with serving(folder, access=access(standin), engine=lambda: engine, path_prefix="/yard") as below:
        client = below.client()
        sent = client.get("/yard/signalbox/login", params={"next": "/yard/runs"})
        there = requests.get(sent.headers["Location"], allow_redirects=False, timeout=10)
        back = urlsplit(there.headers["Location"])
        assert back.path == "/yard/signalbox/login/callback"
        assert client.get(f"{back.path}?{back.query}").headers["Location"] == "/yard/runs"
        assert client.get("/yard/runs", headers=PAGE).status_code == 200
