"""Alerts that came late, never, or could not be written."""

from __future__ import annotations

import email
import email.header
from dataclasses import replace
from email.policy import default
from pathlib import Path

import pytest

from scheduler_defs.alerting.channels.email import message, parse
from scheduler_defs.alerting.rules.watches import watches_of
from tests.unit.alerting.test_alert_channels import channel
from tests.unit.alerting.test_alert_deciding import WATCH, Clock
from tests.unit.declarations.yards import lines, load_yard

NO_ADDRESSES = [
    "ops@bücher.example",
    "jörg@example.org",
    "a b",
    "@",
    "",
    "a@b\\r\\nBcc: x@y.z",
    "a@b, c@d",
    "<a@b>",
]
TEXTS = [
    "schedule s: run failed: é Ошибка 日本 é and more of it, so that it gets long: Ошибка в базе данных",
    f"{'x' * 60} Ошибка 日本 é",
    "a é " * 30,
    "日本" * 70,
    "plain " * 40,
]


@pytest.mark.case("recovery-A03")
@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_given_what_is_no_address_then_check_names_it(tmp_path: Path, address: str) -> None:
    quoted = f'"{address}"'
    found = lines(
        load_yard(
            tmp_path, f"alerts: {{channels: {{mail: {{type: email, url_env: URL, to: [{quoted}]}}}}}}\n"
        )
    )
    assert len(found) == 1, found
    assert "alerts.channels.mail.to[0]" in found[0] and "such as ann@example.org" in found[0]


@pytest.mark.case("recovery-A03")
@pytest.mark.parametrize("sender", ["a%0d%0aBcc:x@y.z", "nobody", "j%C3%B6rg@example.org"])
def test_given_a_sender_that_is_no_address_then_the_url_is_refused(sender: str) -> None:
    with pytest.raises(ValueError, match="from= is no address"):
        parse(f"smtp://h?from={sender}")


@pytest.mark.case("recovery-A03")
@pytest.mark.parametrize("text", TEXTS)
def test_given_a_long_subject_then_it_is_read_as_it_was_written(text: str) -> None:
    mail = channel("email", url_env="URL", to=("a@example.org",))
    wanted = f"[signalbox] {' '.join(text.split())}"[:160].rstrip()
    raw = message(mail, {"id": 1, "text": text}, "box@example.org").as_bytes()
    assert raw.isascii()
    assert email.message_from_bytes(raw, policy=default)["Subject"] == wanted
    header = email.message_from_bytes(raw)["Subject"].replace("\n", "")
    assert str(email.header.make_header(email.header.decode_header(header))) == wanted


@pytest.mark.case("recovery-A04")
def test_given_a_recovery_that_was_told_then_the_next_failure_is_told_at_once() -> None:
    clock = Clock(replace(WATCH, recovery=True))
    assert clock.at(44, *["bad"] * 5) == ["schedule a: run failed"]
    assert clock.at(49, "good") == ["schedule a: well again after 5 failures"]
    assert clock.at(50, "bad") == ["schedule a: run failed"]
    assert clock.at(51, "good") == ["schedule a: well again after a failure"]
    assert clock.at(52, "bad", "bad") == ["schedule a: run failed"]


@pytest.mark.case("recovery-A04")
def test_given_a_rule_that_tells_no_recovery_then_its_throttle_outlives_a_success() -> None:
    clock = Clock(WATCH)
    assert clock.at(0, "bad") == ["schedule a: run failed"]
    assert clock.at(1, "good", "bad") == []
    assert clock.at(60) == ["schedule a: run failed"]


@pytest.mark.case("recovery-A04")
def test_notify_tells_recoveries_and_the_page_says_how_often_it_speaks(tmp_path: Path) -> None:
    declared = load_yard(
        tmp_path,
        "alerts: {channels: {book: {type: log}}}\njobs: {j: {command: [x]}}\n"
        "schedules: {s: {job: j, every: 1m, notify: [book]}}\n",
    ).declarations
    assert all(watch.recovery for watch in watches_of(declared).by_schedule["s"])
    page = (Path(__file__).parents[2] / "docs/alerts.md").read_text()
    assert "told once an hour" in page and "the next failure is told at once" in page
