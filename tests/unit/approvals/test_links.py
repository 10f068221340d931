"""Deciding by the link of an alert: made while it is sent, opened by anybody, used once."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs.alerting import store
from scheduler_defs.alerting.channels import Place
from scheduler_defs.alerting.delivery.sending import send_due
from scheduler_defs.alerting.events.standing import changes, standing
from scheduler_defs.alerting.rules.deciding import decide
from scheduler_defs.alerting.rules.watches import watches_of
from scheduler_defs.approvals import links
from scheduler_defs.approvals.links import Link, NoLink
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.access import Access, AccessGrant, Mode, Role
from scheduler_defs.web.access.subjects import declared
from tests.standins.web import CREDENTIAL, Web, serving
from tests.unit.approvals.setting import Yard

pytestmark = pytest.mark.attack

ALERTS = """
alerts:
  channels:
    mail: {type: webhook, url_env: MAIL, approve_as: ben}
    book: {type: log}
  rules:
    ask: {on: approval, channels: [mail, book]}
"""
ADDRESS = "https://yard.example"
ACCESS = Access(mode=Mode.PASSWORD, grants=(AccessGrant(who=("ben",), role=Role.OPERATOR, jobs=("deploy",)),))


@pytest.fixture
def web(yard: Yard, tmp_path: Path) -> Iterator[Web]:
    (yard.config / "alerts.yaml").write_text(ALERTS)
    (tmp_path / "web").mkdir()
    with serving(tmp_path / "web", access=ACCESS, engine=lambda: yard.engine) as started:
        yield started


def sent(yard: Yard) -> dict[str, dict[str, Any]]:
    """What each channel is given of what waits, after the alerts have looked and sent."""
    now, told = dt.datetime.now(dt.UTC), dict[str, dict[str, Any]]()
    declarations = declared()
    watches = watches_of(declarations)
    with yard.engine.begin() as connection:
        found, faults = standing(connection, watches, Path(), dict, now, {}, prove=False)
        assert faults == []
        alerts = decide(watches, changes({}, found, now), {}, now).alerts
        rows = [(name, each.rule, each.document(), None) for each in alerts for name in each.channels]
        store.add(connection, rows, now)
    place = Place(
        Path(), Path(), {}, lambda link: f"{ADDRESS}/signalbox/decide#{links.written(link, CREDENTIAL)}"
    )
    deliver = lambda channel, document, _: told.update({channel.name: dict(document)})  # noqa: E731
    assert send_due(yard.engine, declarations.alerts.channels, place, now, deliver=deliver).faults == ()
    return told


def link_in(document: dict[str, Any]) -> str:
    return document["decide"].partition("#")[2]


def states(yard: Yard) -> list[str]:
    with yard.engine.connect() as connection:
        query = "SELECT state FROM signalbox.approvals ORDER BY id"
        return list(connection.execute(sa.text(query)).scalars())


def test_given_an_alert_with_a_link_when_it_is_posted_then_the_run_is_approved_once(
    yard: Yard, web: Web
) -> None:
    yard.declare("{who: [ben, carla], not_requester: yes}")
    run_id = yard.ask("ann")
    told = sent(yard)
    assert told["mail"]["text"].startswith(
        "approval 1: waits for somebody: a run of job deploy, asked for by ann"
    )
    assert (told["mail"]["run_id"], told["mail"]["decide"].partition("#")[0]) == (
        run_id,
        f"{ADDRESS}/signalbox/decide",
    )
    assert "decide" not in told["book"]
    link, client = link_in(told["mail"]), web.client(address="192.0.2.7")
    with yard.engine.connect() as connection:
        kept = connection.execute(sa.text("SELECT document FROM signalbox.alerts")).scalars().all()
    assert link not in json.dumps(kept)
    # What programs that look through mail do, and other pages.
    for _ in range(2):
        assert client.get("/signalbox/decide").status_code == 200
        about = client.post("/signalbox/decide/look", json={"link": link})
        assert about.json() == {
            "text": "a run of job deploy, asked for by ann: by ben, carla, but not ann",
            "person": "ben",
        }
    given = {"link": link, "answer": "approve"}
    assert client.get("/signalbox/decide", params=given).status_code == 200
    assert (
        client.post("/signalbox/decide", json=given, headers={"Origin": "http://evil.test"}).status_code
        == 403
    )
    assert client.post("/signalbox/decide", data=given).status_code == 415
    assert states(yard) == ["pending"]
    assert client.post("/signalbox/decide", json=given).json()["state"] == "approved"
    assert yard.passes() == [run_id]
    again = client.post("/signalbox/decide", json=given)
    assert (again.status_code, again.json()["detail"]) == (410, "this link has been used already")
    with yard.engine.connect() as connection:
        noted = connection.execute(
            sa.text("SELECT actor, channel FROM signalbox.audit_log WHERE action = 'approval.decided'")
        ).all()
    assert [tuple(row) for row in noted] == [("ben", "link")]


def test_given_links_that_may_decide_nothing_then_they_do_not_and_say_why(yard: Yard, web: Web) -> None:
    yard.declare("{who: carla}")
    yard.ask("ann")
    link, client = link_in(sent(yard)["mail"]), web.client()

    def answer(text: str, **more: str) -> tuple[int, str]:
        found = client.post("/signalbox/decide", json={"link": text, "answer": "approve", **more})
        return found.status_code, found.json()["detail"]

    assert answer(link) == (403, "approval 1 is for carla; you are ben")
    approval, alert, until, mark = link.split(".")
    for forged in (
        f"2.{alert}.{until}.{mark}",
        f"{approval}.{alert}.{int(until) + 9}.{mark}",
        "",
        "é.1",
        link[:-1],
    ):
        assert answer(forged)[0] == 410
    over = links.written(Link(1, int(alert), int(time.time()) - 1), CREDENTIAL)
    assert "is over" in answer(over)[1]
    assert answer(link, answer="perhaps")[0] == 422
    (yard.config / "alerts.yaml").write_text(ALERTS.replace(", approve_as: ben", ""))
    assert "decides nothing any more" in answer(link)[1]
    assert states(yard) == ["pending"]
    found = [answer("x") for _ in range(20)]
    assert found[-1][0] == 429


def test_given_a_refused_decision_when_it_becomes_possible_then_the_link_still_works(
    yard: Yard, web: Web
) -> None:
    yard.declare("yes")
    run_id = yard.ask("ann")
    link, client = link_in(sent(yard)["mail"]), web.client()
    given = {"link": link, "answer": "deny"}
    refused = client.post("/signalbox/decide", json=given)
    assert (refused.status_code, "needs a reason" in refused.text) == (422, True)
    denied = client.post("/signalbox/decide", json={**given, "reason": "not on a Friday"})
    assert denied.json()["state"] == "denied"
    yard.passes()
    assert yard.said(run_id) == ("CANCELED", "denied by ben: not on a Friday")


def test_given_a_key_of_another_stack_then_its_links_are_none_of_ours() -> None:
    link = Link(7, 9, 2_000_000_000)
    text = links.written(link, "ours")
    assert links.read(text, "ours", 1_999_999_999) == link
    with pytest.raises(NoLink, match="no link of ours"):
        links.read(text, "theirs", 0)
    with pytest.raises(NoLink, match="is over"):
        links.read(text, "ours", 2_000_000_000)


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ("{type: log, approve_as: ann}", "a link that decides is in no log"),
        ("{type: webhook, url_env: X, approve_as: 'token:ci'}", "is no person's name"),
    ],
)
def test_given_a_channel_whose_link_nobody_should_have_then_the_check_says_so(
    tmp_path: Path, channel: str, said: str
) -> None:
    (tmp_path / "alerts.yaml").write_text(f"alerts: {{channels: {{c: {channel}}}}}")
    (problem,) = load(tmp_path).problems
    assert said in problem.message
