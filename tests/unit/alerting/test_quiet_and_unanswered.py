"""Quiet hours defer and never lose; what nobody acknowledges goes to somebody else."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.alerting.acknowledging import acknowledge
from scheduler_defs.alerting.channels import AddressError, DeliveryError, Place, send
from scheduler_defs.alerting.rules.deciding import Decision, Key, decide
from scheduler_defs.alerting.rules.model import Event, Kind, Streak, Watch
from scheduler_defs.alerting.rules.quiet_hours import QuietHours
from scheduler_defs.alerting.rules.watches import Watches
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.declarations.models.base import Position
from tests.unit.alerting.yard import Yard

EVENING = dt.datetime(2026, 3, 2, 23, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
MORNING = dt.datetime(2026, 3, 3, 7, tzinfo=dt.UTC)
QUIET = QuietHours.parse("22:00-07:00")
WATCH = Watch("r", Kind.RUN_FAILED, ("ops",), quiet=(QUIET,))


def after(
    now: dt.datetime, *events: Event, streaks: dict[Key, Streak] | None = None, watch: Watch = WATCH
) -> Decision:
    return decide(Watches([watch], {}), events, streaks or {}, now)


def bad(at: dt.datetime) -> Event:
    return Event(Kind.RUN_FAILED, "schedule a", at, text="no")


def good(at: dt.datetime) -> Event:
    return Event(Kind.RUN_FAILED, "schedule a", at, good=True)


@pytest.mark.parametrize(
    ("text", "zone", "now", "until"),
    [
        ("22:00-07:00", "UTC", EVENING, MORNING),
        ("22:00-07:00", "UTC", MORNING - HOUR, MORNING),
        ("22:00-07:00", "UTC", MORNING, None),
        ("12:00-13:00", "UTC", EVENING, None),
        ("00:30-07:00", "Europe/Berlin", EVENING + HOUR, MORNING - HOUR),
        ("00:30-07:00", "Europe/Berlin", EVENING, None),
    ],
)
def test_quiet_hours_are_wall_clock_of_a_zone(
    text: str, zone: str, now: dt.datetime, until: dt.datetime
) -> None:
    assert QuietHours.parse(text, zone).until(now) == until


def test_given_quiet_hours_when_it_goes_on_then_it_is_told_once_at_their_end_and_then_throttled() -> None:
    night = after(EVENING, bad(EVENING), bad(EVENING + HOUR))
    assert night.alerts == ()
    morning = after(MORNING, streaks=dict(night.streaks))
    (alert,) = morning.alerts
    assert (alert.count, alert.due) == (2, None)
    again = after(MORNING + HOUR / 2, bad(MORNING + HOUR / 2), streaks=dict(morning.streaks))
    assert again.alerts == ()


def test_given_quiet_hours_when_it_comes_and_goes_then_it_is_told_once_and_takes_no_throttle() -> None:
    first = after(EVENING, bad(EVENING), good(EVENING + HOUR / 4))
    (alert,) = first.alerts
    assert (alert.due, alert.text) == (MORNING, "schedule a: run failed: no (well again since)")
    second = after(EVENING + HOUR, bad(EVENING + HOUR), good(EVENING + HOUR), streaks=dict(first.streaks))
    assert second.alerts == ()
    day = after(MORNING, bad(MORNING), streaks=dict(second.streaks))
    assert [each.due for each in day.alerts] == [None]


def test_given_quiet_hours_when_a_worker_is_lost_then_it_is_told_at_their_end() -> None:
    watch = replace(WATCH, on=Kind.WORKER_LOST)
    lost = Event(Kind.WORKER_LOST, "worker w1", EVENING)
    (alert,) = after(EVENING, lost, watch=watch).alerts
    assert alert.due == MORNING


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("quiet_hours: 22-7", "no span of a day such as 22:00-07:00"),
        ("quiet_hours: 07:00-07:00", "no span of a day"),
        ("quiet_hours: 22:00-07:00, quiet_zone: Mars", "Mars"),
        ("escalate_after: 5m", "escalate_after and escalate_to go together"),
        ("escalate_after: 5m, escalate_to: nobody", "there is no alert channel 'nobody'"),
    ],
)
def test_what_is_declared_wrongly_is_a_fault(rule: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "alerts:\n  channels: {book: {type: log}}\n  rules:\n"
        f"    r: {{on: run_failed, channels: book, {rule}}}\n"
    )
    (problem,) = load(tmp_path).problems
    assert fault in str(problem)


def test_given_nobody_acknowledges_then_somebody_else_is_told_once(yard: Yard) -> None:
    declarations = yard.declare(
        "alerts:\n  channels:\n" + yard.to_file() + "    book: {type: log}\n  rules:\n"
        "    r: {on: run_failed, channels: book, escalate_after: 10m, escalate_to: file}\n"
    )
    now = dt.datetime.now(dt.UTC)
    yard.tick(declarations, now)
    yard.run()
    yard.tick(declarations, now)
    for minutes in (5, 15, 16, 30):
        yard.tick(declarations, now + dt.timedelta(minutes=minutes))
    assert yard.texts == ["nobody has acknowledged it for 10m: job line: run failed: it fell over"]
    assert yard.told[0]["escalated"] is True


def test_given_quiet_hours_that_begin_after_an_alert_then_it_is_escalated_within_them(yard: Yard) -> None:
    now = dt.datetime.now(dt.UTC)
    begin, end = now + dt.timedelta(minutes=5), now + 8 * HOUR
    declarations = yard.declare(
        "alerts:\n  channels:\n" + yard.to_file() + "    book: {type: log}\n  rules:\n"
        "    r: {on: run_failed, channels: book, escalate_after: 10m, escalate_to: file,"
        f' quiet_hours: "{begin:%H:%M}-{end:%H:%M}"}}\n'
    )
    yard.tick(declarations, now)
    yard.run()
    yard.tick(declarations, now)
    assert yard.told == []
    yard.tick(declarations, now + dt.timedelta(minutes=15))
    assert [each["escalated"] for each in yard.told] == [True]


def test_given_somebody_acknowledges_then_nobody_else_is_told_and_it_is_signed_for(yard: Yard) -> None:
    declarations = yard.declare(
        "alerts:\n  channels:\n" + yard.to_file() + "    book: {type: log}\n  rules:\n"
        "    r: {on: run_failed, channels: book, escalate_after: 10m, escalate_to: file}\n"
    )
    now = dt.datetime.now(dt.UTC)
    yard.tick(declarations, now)
    yard.run()
    yard.tick(declarations, now)
    engine = database.engine()
    assert acknowledge(engine, now, rule="other") == []
    assert [row["subject"] for row in acknowledge(engine, now, rule="r")] == ["job line"]
    assert acknowledge(engine, now) == []
    yard.tick(declarations, now + HOUR / 2)
    assert yard.told == []
    with engine.connect() as connection:
        signed = sa.text("SELECT count(*) FROM signalbox.audit_log WHERE action = 'alert.acknowledged'")
        assert connection.execute(signed).scalar_one() == 1


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's own import
def test_given_an_apprise_channel_then_its_urls_are_told_and_never_shown(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    channel = Channel(name="c", source=Position(file="f", line=1, column=1), type="apprise", url_env="URLS")

    def place(urls: str) -> Place:
        return Place(tmp_path, tmp_path, {"URLS": urls})

    with pytest.raises(AddressError, match="URLS holds no URL that Apprise knows"):
        send(channel, {"text": "x"}, place("nonsense-secret"))
    with pytest.raises(DeliveryError, match="channel c: Apprise could not deliver it") as refused:
        send(channel, {"text": "x", "owner": "ann"}, place("json://127.0.0.1:9/secret"))
    assert "secret" not in str(refused.value)
