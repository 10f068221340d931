"""`signalbox alerts list` and `test`."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from scheduler_defs.alerting import store
from scheduler_defs.alerting.channels import AddressError, DeliveryError
from scheduler_defs.alerting.delivery.sending import Place, send_due
from scheduler_defs.cli.alerts import app
from scheduler_defs.errors import SignalboxError
from tests.unit.alerting.receivers import webhook
from tests.unit.alerting.yard import declared

TEXT = """
schedules:
  nightly: {job: line, cron: '0 2 * * *', notify: [book]}
alerts:
  channels:
    ops: {type: webhook, url_env: OPS_URL}
    book: {type: log}
  rules:
    failed: {on: run_failed, channels: [ops], after: 2, throttle: 30m}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Declarations with two channels, and no stack."""
    for name in ("SIGNALBOX_POSTGRES_URL", "SIGNALBOX_UI_URL", "OPS_URL"):
        monkeypatch.delenv(name, raising=False)
    declared(tmp_path / "config", TEXT)
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    return tmp_path / "config"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def listed() -> dict[str, Any]:
    return json.loads(run("list", "--json"))


def test_given_no_stack_when_listed_then_channels_and_rules_are_shown_without_addresses(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del config
    assert listed()["channels"][0]["variable_set"] is False
    monkeypatch.setenv("OPS_URL", "https://hooks.example.org/s3cr3t")
    shown = listed()
    assert [(each["name"], each["variable"], each["variable_set"]) for each in shown["channels"]] == [
        ("ops", "OPS_URL", True),
        ("book", None, None),
    ]
    (rule,) = shown["rules"]
    assert (rule["name"], rule["after"], rule["throttle_seconds"]) == ("failed", 2, 1800)
    assert shown["notify"] == [{"schedule": "nightly", "channels": ["book"], "last_sent": None}]
    assert "s3cr3t" not in json.dumps(shown) + run("list")


def test_given_sent_alerts_when_listed_then_it_says_when_and_what_failed(
    config: Path, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler_defs.declarations import load

    now = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    channels = load(config).declarations.alerts.channels
    with engine.begin() as connection:
        store.add(
            connection,
            [
                ("book", "notify of nightly", {"text": "a"}, None),
                ("book", "failed", {"text": "b"}, None),
                ("ops", "failed", {"text": "c"}, None),
            ],
            now,
        )
    send_due(engine, channels, Place(config.parent / "logs", config.parent, {}), now)
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", engine.url.render_as_string(hide_password=False))
    shown = listed()
    ops, book = shown["channels"]
    assert (ops["waiting"], ops["last_sent"]) == (1, None)
    assert ops["fault"] == "channel ops: the variable OPS_URL is not set"
    assert dt.datetime.fromisoformat(book["last_sent"]) == now
    assert dt.datetime.fromisoformat(shown["notify"][0]["last_sent"]) == now
    assert dt.datetime.fromisoformat(shown["rules"][0]["last_sent"]) == now


def test_given_a_channel_when_tested_then_it_gets_a_test_alert(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del config
    with webhook() as hook:
        monkeypatch.setenv("OPS_URL", hook.url)
        assert json.loads(run("test", "ops", "--json"))["sent"] is True
    (got,) = hook.got
    assert (got["state"], got["subject"]) == ("test", "channel ops")


@pytest.mark.parametrize(
    ("name", "url", "kind", "code"),
    [
        ("obs", None, SignalboxError, 1),
        ("ops", None, AddressError, 2),
        ("ops", "s3cr3t", AddressError, 2),
        ("ops", "http://127.0.0.1:1/s3cr3t", DeliveryError, 3),
    ],
)
def test_given_a_channel_that_cannot_work_when_tested_then_the_exit_code_says_why(
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    url: str | None,
    kind: type[SignalboxError],
    code: int,
) -> None:
    del config
    if url is not None:
        monkeypatch.setenv("OPS_URL", url)
    with pytest.raises(kind) as caught:
        CliRunner().invoke(app, ["test", name], catch_exceptions=False)
    assert caught.value.exit_code == code
    assert "s3cr3t" not in str(caught.value)
