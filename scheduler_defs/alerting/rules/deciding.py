"""Which alerts to send: events and what is remembered in, alerts and what to remember out. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from scheduler_defs.alerting.rules.model import Alert, Event, Kind, State, Streak, Watch
from scheduler_defs.alerting.rules.watches import Watches

Key = tuple[str, str, str]
"""Of a streak: name of the watch, kind of event, subject."""

FORGOTTEN_AFTER = dt.timedelta(days=40)
"""What has not happened again for so long is over: longer than a monthly schedule takes to come by."""

_ENDLESS = {Kind.WORKER_LOST: dt.timedelta(days=1)}
"""A worker that is gone never comes back to end its streak: another one does, under another name. So it is
not told again that it is gone, either."""


@dataclass(frozen=True)
class Decision:
    """The alerts to send, what to remember, and what went wrong with single rules (one line each)."""

    alerts: tuple[Alert, ...]
    streaks: Mapping[Key, Streak]
    faults: tuple[str, ...] = ()


def decide(
    watches: Watches, events: Iterable[Event], streaks: Mapping[Key, Streak], now: dt.datetime
) -> Decision:
    """Count events, oldest first, and alert where a rule says so.

    What a throttle holds back is told when it ends, if the subject is not well again by then: an outage that
    goes on is never hidden. Where recoveries are told, the next failure after one is told at once: a
    channel's last word is never that all is well while it is not. Elsewhere the throttle survives a success,
    so that a subject that comes and goes does not flood its channels. Two watches never tell one channel of
    the same event. A fault in one rule leaves what that rule remembers as it was, and concerns no other.
    """
    known = dict(streaks)
    alerts: list[Alert] = []
    faults: dict[str, str] = {}
    for event in sorted(events, key=lambda event: event.at):
        for watch in watches.covering(event):
            if watch.name in faults:
                continue
            key = (watch.name, event.kind.value, event.subject)
            try:
                streak, alert = (_well if event.good else _wrong)(watch, event, known.get(key), now)
            except Exception as error:
                faults[watch.name] = f"{watch.name}: {type(error).__name__}: {error}"
                continue
            _keep(known, key, streak)
            alerts += [alert] if alert else []
    alerts += _held_back(watches, known, now)
    current = {(watch.name, watch.on.value): watch for watch in watches.all()}
    kept = {key: streak for key, streak in known.items() if _matters(current.get(key[:2]), streak, now)}
    return Decision(tuple(_once_per_channel(alerts)), kept, tuple(faults.values()))


def _wrong(watch: Watch, event: Event, was: Streak | None, now: dt.datetime) -> tuple[Streak, Alert | None]:
    if was is None or was.count == 0:
        was = replace(was, last=event, since=event.at, told=False) if was else Streak(event, event.at)
    streak = replace(was, last=event, count=was.count + 1, untold=was.untold + 1)
    return _told(watch, streak, now) if _may_tell(watch, streak, now) else (streak, None)


def _well(
    watch: Watch, event: Event, was: Streak | None, now: dt.datetime
) -> tuple[Streak | None, Alert | None]:
    if was is None or was.count == 0 or event.at < was.last.at:
        return was, None
    alert = None
    quiet = watch.quiet_until(now)
    if was.told and watch.recovery:
        alert = Alert(watch.name, watch.channels, State.RECOVERED, event, was.count, 0, was.since, now, quiet)
    elif quiet is not None and was.untold and was.count >= watch.after and not was.told:
        # It came and went in quiet hours: told once, at their end, and without a word from the throttle.
        told = Alert(watch.name, watch.channels, State.FAILING, was.last, was.count, 0, was.since, now)
        over = replace(was, count=0, untold=0, deferred_to=quiet)
        return over, None if was.deferred_to == quiet else replace(told, due=quiet, over=True)
    sent = None if alert else was.sent
    return replace(was, count=0, untold=0, told=False, sent=sent), alert


def _may_tell(watch: Watch, streak: Streak, now: dt.datetime) -> bool:
    # What goes on until the quiet hours are over is told then, as what a throttle has held back.
    if watch.on not in _ENDLESS and watch.quiet_until(now) is not None:
        return False
    return streak.count >= watch.after and (streak.sent is None or now - streak.sent >= watch.throttle)


def _told(watch: Watch, streak: Streak, now: dt.datetime) -> tuple[Streak, Alert]:
    # Those before the first alert are part of "in a row"; afterwards the throttle has hidden some.
    more = streak.untold - 1 if streak.sent is not None else 0
    alert = Alert(
        watch.name,
        watch.channels,
        State.FAILING,
        streak.last,
        streak.count,
        more,
        streak.since,
        now,
        watch.quiet_until(now),
    )
    return replace(streak, untold=0, sent=now, told=True), alert


def _held_back(watches: Watches, known: dict[Key, Streak], now: dt.datetime) -> list[Alert]:
    """Alerts whose throttle has ended, about what still goes wrong."""
    current = {(watch.name, watch.on.value): watch for watch in watches.all()}
    found: list[Alert] = []
    for key, streak in known.items():
        watch = current.get(key[:2])
        if watch is None or watch.on in _ENDLESS:
            continue
        if streak.untold and _may_tell(watch, streak, now):
            known[key], alert = _told(watch, streak, now)
            found.append(alert)
    return found


def _keep(known: dict[Key, Streak], key: Key, streak: Streak | None) -> None:
    if streak is None:
        known.pop(key, None)
    else:
        known[key] = streak


def _matters(watch: Watch | None, streak: Streak, now: dt.datetime) -> bool:
    if watch is None:
        return False
    if streak.sent is not None and now - streak.sent < watch.throttle:
        return True
    if streak.deferred_to is not None and now < streak.deferred_to:
        return True
    return streak.count > 0 and now - streak.last.at < _ENDLESS.get(watch.on, FORGOTTEN_AFTER)


def _once_per_channel(alerts: Iterable[Alert]) -> Iterable[Alert]:
    told: set[tuple[State, Event, str]] = set()
    for alert in alerts:
        channels = tuple(each for each in alert.channels if (alert.state, alert.event, each) not in told)
        told |= {(alert.state, alert.event, each) for each in channels}
        if channels:
            yield replace(alert, channels=channels)
