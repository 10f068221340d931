"""Alerts that are due: sent at least once, tried again with a bound, each channel by itself."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs.alerting import store
from scheduler_defs.alerting.channels import DeliveryError, Document, Place
from scheduler_defs.alerting.delivery import sending
from scheduler_defs.alerting.delivery.history import history
from scheduler_defs.alerting.delivery.sending import MOST_ATTEMPTS, OLDEST, Sent, send_due
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.declarations.models.base import Position

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
PLACE = Place(Path("logs"), Path(), {})


def channels(*names: str) -> Mapping[str, Channel]:
    at = Position(file="a.yaml", line=1, column=1)
    return {name: Channel(name=name, source=at, type="log") for name in names}


@pytest.fixture
def decided(engine: sa.Engine) -> Callable[..., None]:
    """Writes alerts down: one for each channel that is named, at NOW."""

    def add(*names: str) -> None:
        with engine.begin() as connection:
            rows = [(name, "rule", {"text": f"{n}"}, None) for n, name in enumerate(names)]
            store.add(connection, rows, NOW)

    return add


class Deliveries:
    """Takes what is delivered; channels in `broken` fail."""

    def __init__(self, *broken: str) -> None:
        self.broken = set(broken)
        self.tried: list[tuple[str, int]] = []
        self.got: list[tuple[str, int]] = []
        self.lock = threading.Lock()

    def __call__(self, channel: Channel, document: Document, place: Place) -> None:
        with self.lock:
            self.tried.append((channel.name, document["id"]))
            if channel.name in self.broken:
                raise DeliveryError(f"channel {channel.name}: no")
            self.got.append((channel.name, document["id"]))


def test_given_a_channel_that_fails_when_sending_then_the_others_are_served(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("bad", "good", "bad", "good")
    to = Deliveries("bad")
    sent = send_due(engine, channels("bad", "good"), PLACE, NOW, deliver=to)
    assert sorted(to.got) == [("good", 2), ("good", 4)]
    assert sent == Sent(delivered=2, put_off=2, faults=("channel bad: no",))
    assert to.tried.count(("bad", 1)) == 1
    assert ("bad", 3) not in to.tried, "a channel that fails is not tried again at once"


def test_given_a_channel_that_is_well_again_when_due_then_all_is_sent_once_in_order(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("a", "a", "a")
    to = Deliveries("a")
    send_due(engine, channels("a"), PLACE, NOW, deliver=to)
    to.broken.clear()
    for minute in (1, 2, 60):
        send_due(engine, channels("a"), PLACE, NOW + minute * MINUTE, deliver=to)
    assert to.got == [("a", 1), ("a", 2), ("a", 3)]


def test_given_a_channel_that_never_works_when_tried_then_the_attempts_are_bounded_and_spread(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("a")
    to = Deliveries("a")
    rounds = [
        send_due(engine, channels("a"), PLACE, NOW + step * MINUTE / 4, deliver=to) for step in range(4 * 240)
    ]
    assert len(to.tried) == MOST_ATTEMPTS
    assert sum(each.given_up for each in rounds) == 1
    times = [step / 4 for step, each in enumerate(rounds) if each.faults]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30]
    with engine.connect() as connection:
        of = history(connection).channels["a"]
    assert (of.waiting, of.given_up, of.fault, of.last_sent) == (0, 1, "channel a: no", None)


def test_given_alerts_behind_one_that_fails_when_put_back_then_no_attempt_is_counted(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("a", "a")
    send_due(engine, channels("a"), PLACE, NOW, deliver=Deliveries("a"))
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT attempts, due_at FROM signalbox.alerts ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(1, NOW + MINUTE / 2), (0, NOW)]


def test_given_an_alert_that_is_a_day_old_when_it_fails_then_it_is_given_up(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("a")
    assert send_due(engine, channels("a"), PLACE, NOW + OLDEST, deliver=Deliveries("a")).given_up == 1


def test_given_a_channel_that_is_not_declared_any_more_when_due_then_its_alerts_are_given_up(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("gone", "here")
    to = Deliveries()
    sent = send_due(engine, channels("here"), PLACE, NOW, deliver=to)
    assert (sent.delivered, sent.given_up) == (1, 1)
    assert sent.faults == ("channel gone: not declared any more",)


def test_given_a_fault_of_ours_in_a_channel_when_sending_then_its_text_is_not_kept(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("a", "b")
    got: list[str] = []

    def deliver(channel: Channel, document: Document, place: Place) -> None:
        if channel.name == "a":
            raise RuntimeError("https://hooks.example.org/s3cr3t")
        got.append(channel.name)

    assert send_due(engine, channels("a", "b"), PLACE, NOW, deliver=deliver).faults == (
        "channel a: RuntimeError",
    )
    assert got == ["b"]
    with engine.connect() as connection:
        kept = connection.execute(sa.text("SELECT string_agg(a::text, '') FROM signalbox.alerts AS a"))
        assert "s3cr3t" not in kept.scalar_one()


def test_given_a_kill_after_the_delivery_when_due_again_then_it_is_sent_again_with_the_same_id(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("a")
    to = Deliveries()

    def killed(channel: Channel, document: Document, place: Place) -> None:
        to(channel, document, place)
        raise SystemExit

    with pytest.raises(SystemExit):
        send_due(engine, channels("a"), PLACE, NOW, deliver=killed)
    send_due(engine, channels("a"), PLACE, NOW + MINUTE / 4, deliver=to)
    assert to.got == [("a", 1)], "not before its time"
    send_due(engine, channels("a"), PLACE, NOW + MINUTE, deliver=to)
    assert to.got == [("a", 1)] * 2, "at least once"


def test_given_two_senders_when_both_look_then_each_alert_is_taken_by_one(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("a", "a")
    first = sending.claim(engine, NOW)
    assert [due.id for due in first] == [1, 2]
    assert sending.claim(engine, NOW) == []


def test_given_a_slow_channel_when_its_time_is_up_then_the_rest_waits_for_the_next_round(
    engine: sa.Engine, decided: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    decided("a", "a", "a")
    monkeypatch.setattr(sending, "BUDGET_SECONDS", -1.0)
    to = Deliveries()
    assert send_due(engine, channels("a"), PLACE, NOW, deliver=to) == Sent(delivered=1, put_off=2)
    monkeypatch.setattr(sending, "BUDGET_SECONDS", 20.0)
    send_due(engine, channels("a"), PLACE, NOW, deliver=to)
    assert [number for _, number in to.got] == [1, 2, 3]


def test_given_old_alerts_when_something_is_sent_then_the_ended_ones_are_forgotten(
    engine: sa.Engine, decided: Callable[..., None]
) -> None:
    decided("a")
    send_due(engine, channels("a"), PLACE, NOW, deliver=Deliveries())
    with engine.begin() as connection:
        store.add(connection, [("a", "rule", {"text": "new"}, None)], NOW + sending.KEPT + MINUTE)
    send_due(engine, channels("a"), PLACE, NOW + sending.KEPT + MINUTE, deliver=Deliveries())
    with engine.connect() as connection:
        kept: list[Any] = list(connection.execute(sa.text("SELECT id FROM signalbox.alerts")).scalars())
    assert kept == [2]


def test_given_a_document_when_kept_then_it_comes_back_as_it_was(engine: sa.Engine) -> None:
    document = {"text": "grüße — “quoted” \\ backslash", "run_id": None, "count": 2}
    with engine.begin() as connection:
        store.add(connection, [("a", "rule", document, None)], NOW)
    (due,) = sending.claim(engine, NOW)
    assert json.loads(json.dumps(due.document)) == document
