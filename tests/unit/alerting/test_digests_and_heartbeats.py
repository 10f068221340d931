"""Many alerts as one message; the starts and ends of runs as heartbeats; whose concern each is."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scheduler_defs.alerting.channels import AddressError, DeliveryError, Place
from scheduler_defs.alerting.channels.heartbeat import send
from scheduler_defs.alerting.delivery.digests import MARK, merged, put_off
from scheduler_defs.alerting.delivery.sending import Due, bundles
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.alerts import AlertRule, Channel
from scheduler_defs.declarations.models.base import Position
from tests.unit.alerting.yard import JOBS, Yard

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
AT = Position(file="a.yaml", line=1, column=1)
RULES = {
    "many": AlertRule(name="many", source=AT, on="run_failed", channels=("file",), digest=HOUR),
    "one": AlertRule(name="one", source=AT, on="run_failed", channels=("file",)),
}


def told(rule: str, text: str, due: dt.datetime | None = None) -> tuple[str, str, dict[str, object], object]:
    document = {"text": text, "state": "failing", "rule": rule, "owner": None, "since": NOW.isoformat()}
    return ("file", rule, document, due)


def test_given_a_digest_when_alerts_come_then_all_of_them_wait_for_the_end_of_the_first() -> None:
    first = put_off([told("many", "a"), told("one", "b"), told("many", "c")], RULES, {}, NOW)  # type: ignore[list-item]
    assert [(text["text"], due) for _, _, text, due in first] == [
        ("a", NOW + HOUR),
        ("b", None),
        ("c", NOW + HOUR),
    ]
    open_until = {("file", "many"): NOW + HOUR}
    later = put_off([told("many", "d")], RULES, open_until, NOW + HOUR / 2)  # type: ignore[list-item]
    assert [due for _, _, _, due in later] == [NOW + HOUR]


def test_given_quiet_hours_that_are_longer_then_the_digest_waits_for_their_end() -> None:
    (found,) = put_off([told("many", "a", NOW + 3 * HOUR)], RULES, {}, NOW)  # type: ignore[list-item]
    assert found[3] == NOW + 3 * HOUR


def test_given_alerts_of_a_digest_and_others_then_the_digest_is_one_message_and_each_row_is_in_one() -> None:
    documents = [
        {"rule": "one", "text": "x"},
        {"rule": "many", "text": "a", MARK: True},
        {"rule": "one", "text": "y"},
        {"rule": "many", "text": "b", MARK: True},
    ]
    rows = [Due(n, "file", document, 1, NOW) for n, document in enumerate(documents)]
    found = [(place, [alert.id for alert in together]) for place, together in bundles(rows)]
    assert found == [(0, [0]), (1, [1, 3]), (3, [2])]


def test_given_a_digest_then_it_says_how_many_by_whom_and_holds_each() -> None:
    one, two = (
        {
            "id": n,
            "text": text,
            "state": "failing",
            "rule": "many",
            "owner": owner,
            "since": since,
            MARK: True,
        }
        for n, text, owner, since in ((1, "a fell", "ann", "2026-03-02"), (2, "b fell", "bob", "2026-03-01"))
    )
    found = merged([one, two])
    assert found["text"] == "2 alerts of many: a fell; b fell"
    assert (found["id"], found["count"], found["owner"], found["since"]) == (1, 2, "ann, bob", "2026-03-01")
    assert [each["text"] for each in found["alerts"]] == ["a fell", "b fell"] and MARK not in found


def test_given_a_rule_with_a_digest_when_runs_fail_then_one_message_comes_at_its_end(yard: Yard) -> None:
    rules = "    many: {on: run_failed, channels: file, digest: 1h, throttle: 0s, owner: ops}\n"
    declarations = yard.declare(f"alerts:\n  channels:\n{yard.to_file()}  rules:\n{rules}")
    yard.tick(declarations)
    yard.run(schedule="a")
    yard.run(schedule="b")
    began = dt.datetime.now(dt.UTC)
    yard.tick(declarations, began)
    yard.run(schedule="c")
    yard.tick(declarations, began + HOUR / 2)
    assert yard.told == []
    yard.tick(declarations, began + HOUR + dt.timedelta(seconds=1))
    (digest,) = yard.told
    assert digest["count"] == 3 and digest["owner"] == "ops"
    assert {each["schedule"] for each in digest["alerts"]} == {"a", "b", "c"}


def test_given_a_digest_of_more_than_half_a_day_then_that_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "alerts: {channels: {l: {type: log}}, rules: {r: {on: missed, channels: l, digest: 13h}}}\n"
    )
    (problem,) = load(tmp_path).problems
    assert "digest is 13h; allowed are 12h and less" in str(problem)


@pytest.fixture
def pings() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A server for pings: its URL, and paths and bodies as they come. `/broken` is refused."""
    got: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(500 if "broken" in self.path else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()
        thread.join()


def test_given_runs_when_they_start_and_end_then_each_is_told_once_and_a_retried_failure_is_not(
    yard: Yard, pings: tuple[str, list[tuple[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, got = pings
    monkeypatch.setenv("PING", f"{url}/secret-uuid")
    declarations = yard.declare("schedules:\n  nightly: {job: line, every: 1h, heartbeat_env: PING}\n")
    yard.tick(declarations)
    going = yard.setting.run("STARTED", tags={"signalbox/schedule": "nightly"})
    yard.tick(declarations)
    yard.tick(declarations)
    assert got == [(f"/secret-uuid/start?rid={going}", "")]
    won = yard.run(ok=True, schedule="nightly")
    yard.run(ok=True, schedule="another")
    yard.run(schedule="nightly", retry_at="1772452800")
    lost = yard.run(schedule="nightly")
    yard.tick(declarations)
    yard.tick(declarations)
    assert got[1:] == [
        (f"/secret-uuid?rid={won}", ""),
        (f"/secret-uuid/fail?rid={lost}", "it fell over"),
    ]


def test_given_a_server_that_refuses_then_it_is_tried_again_and_its_address_is_not_told(
    pings: tuple[str, list[tuple[str, str]]],
) -> None:
    channel = Channel(name="heartbeat of nightly", source=AT, type="heartbeat", url_env="PING")
    document = {"state": "success"}
    with pytest.raises(DeliveryError, match="heartbeat of nightly: the server answered 500"):
        send(channel, document, Place(Path(), Path(), {"PING": f"{pings[0]}/broken"}))
    with pytest.raises(AddressError, match="PING holds no http"):
        send(channel, document, Place(Path(), Path(), {"PING": "secret"}))


def test_given_a_heartbeat_then_the_declarations_take_a_variable_and_no_address(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        JOBS + "schedules:\n  s: {job: line, every: 1h, heartbeat_env: 'https://hc-ping.com/1'}\n"
    )
    (problem,) = load(tmp_path).problems
    assert "heartbeat_env" in str(problem)
