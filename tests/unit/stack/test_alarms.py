"""What the supervisor notices by itself, and who is told of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_defs.alerting.channels import DeliveryError, Document
from scheduler_defs.alerting.rules.model import Kind
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.declarations.models.declared import Alerts
from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.machine.record import ComponentRecord, State
from scheduler_defs.stack.supervising.alarm import Told, tell
from scheduler_defs.stack.supervising.alarms import Alarms

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
RULES = """
alerts:
  channels: {ops: {type: log}, pager: {type: log}}
  rules:
    daemon: {on: daemon_silent, channels: [ops, pager], owner: ann, throttle: 1h}
    patient: {on: daemon_silent, channels: ops, over: 10m}
    broker: {on: broker_away, channels: ops}
"""


def component(name: str, state: State, detail: str = "") -> ComponentRecord:
    return ComponentRecord(name, state, 1, 0.0, "", 0, "", detail)


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[str, int | None]] = []
        self.deaf = False
        self.now = 0.0

    async def __call__(self, kind: str, seconds: float | None, detail: str) -> None:
        self.heard.append((kind, None if seconds is None else round(seconds)))
        if self.deaf:
            raise SignalboxError("no")


def look(alarms: Alarms, ear: Ear, seconds: float, *components: ComponentRecord) -> None:
    """So many seconds pass, and the components are looked at every second."""
    end = ear.now + seconds
    while ear.now < end:
        asyncio.run(alarms.look(components))
        ear.now += 1


def test_given_a_daemon_that_is_away_then_that_is_told_again_and_again_and_once_that_it_is_back() -> None:
    ear = Ear()
    alarms = Alarms(ear, lambda: ear.now, set())
    look(alarms, ear, 5, component("daemon", State.HEALTHY))
    look(alarms, ear, 41, component("daemon", State.RESTARTING), component("valkey", State.HEALTHY))
    look(alarms, ear, 60, component("daemon", State.HEALTHY))
    assert ear.heard == [
        ("daemon_silent", 10),
        ("daemon_silent", 25),
        ("daemon_silent", 40),
        ("daemon_silent", None),
    ]


def test_given_a_component_that_is_back_at_once_then_nobody_is_told() -> None:
    ear = Ear()
    alarms = Alarms(ear, lambda: ear.now, set())
    for _ in range(3):
        look(alarms, ear, 8, component("broker", State.UNHEALTHY))
        look(alarms, ear, 2, component("broker", State.HEALTHY))
    assert ear.heard == []


def test_given_an_end_that_could_not_be_told_then_it_is_tried_again() -> None:
    ear = Ear()
    alarms = Alarms(ear, lambda: ear.now, {"broker_away"})
    ear.deaf = True
    look(alarms, ear, 20, component("valkey", State.HEALTHY))
    ear.deaf = False
    look(alarms, ear, 60, component("valkey", State.HEALTHY))
    assert ear.heard == [("broker_away", None)] * 3


@pytest.fixture
def alerts(tmp_path: Path) -> Alerts:
    (tmp_path / "alerts.yaml").write_text(RULES)
    found = load(tmp_path)
    assert [str(problem) for problem in found.problems] == []
    return found.declarations.alerts


class Post:
    def __init__(self, *broken: str) -> None:
        self.broken = set(broken)
        self.got: list[tuple[str, Document]] = []

    def __call__(self, channel: Channel, document: Document) -> None:
        if channel.name in self.broken:
            raise DeliveryError(f"channel {channel.name}: no")
        self.got.append((channel.name, document))

    def texts(self) -> list[tuple[str, str]]:
        return [(name, document["text"]) for name, document in self.got]


def after(
    alerts: Alerts, post: Post, told: dict[str, Told], seconds: float | None, minutes: int
) -> dict[str, Told]:
    now = NOW + dt.timedelta(minutes=minutes)
    return tell(alerts, Kind.DAEMON_SILENT, seconds, "no heartbeat", told, now, post)[0]


def test_given_rules_then_each_tells_after_its_time_once_an_hour_and_the_end(alerts: Alerts) -> None:
    post = Post()
    told = after(alerts, post, {}, 59, 0)
    assert (told, post.got) == ({}, [])
    for seconds, minutes in ((61, 0), (121, 1), (601, 9), (661, 10)):
        told = after(alerts, post, told, seconds, minutes)
    silent = "Dagster's daemon: silent: no heartbeat"
    assert post.texts() == [("ops", silent), ("pager", silent), ("ops", silent)]
    assert [document["owner"] for _, document in post.got] == ["ann", "ann", None]
    post.got.clear()
    told = after(alerts, post, told, 3_700, 61)
    assert [name for name, _ in post.got] == ["ops", "pager"]
    post.got.clear()
    assert after(alerts, post, told, None, 62) == {}
    assert {text for _, text in post.texts()} == {"Dagster's daemon: well again after a failure"}
    assert len(post.got) == 3
    assert after(alerts, post, {}, None, 63) == {}


def test_given_a_channel_that_fails_then_only_it_is_tried_again_and_an_untold_end_stays(
    alerts: Alerts,
) -> None:
    post = Post("pager")
    told = after(alerts, post, {}, 61, 0)
    assert told["daemon"].left == ("pager",)
    post.broken.clear()
    told = after(alerts, post, told, 91, 1)
    assert [name for name, _ in post.got] == ["ops", "pager"] and told["daemon"].left == ()
    post.broken.add("pager")
    told = after(alerts, post, told, None, 2)
    assert "daemon" in told


def test_given_neither_database_nor_broker_then_the_process_tells_it_and_remembers(tmp_path: Path) -> None:
    config, state = tmp_path / "config", tmp_path / "state"
    config.mkdir()
    state.mkdir(mode=0o700)
    (config / "alerts.yaml").write_text(RULES)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SIGNALBOX_")}
    environ |= {"SIGNALBOX_CONFIG": str(config), "SIGNALBOX_STATE": str(state)}
    module = "scheduler_defs.stack.supervising.alarm"
    for seconds in ("75", "90", ""):
        subprocess.run(
            [sys.executable, "-m", module, "broker_away", seconds, "refused"],
            env=environ,
            check=True,
            timeout=120,
        )
    lines = [json.loads(line) for line in (state / "logs" / "alerts.log").read_text().splitlines()]
    assert [(line["state"], line["text"]) for line in lines] == [
        ("failing", "the broker: away: refused"),
        ("recovered", "the broker: well again after a failure"),
    ]
    assert json.loads((state / "alarms.json").read_text()) == {}
