"""Who is to be told of what: the declared rules, and what each schedule's `notify` stands for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scheduler_defs.alerting.rules.model import Event, Kind, Watch
from scheduler_defs.alerting.rules.quiet_hours import QuietHours
from scheduler_defs.declarations.models.declared import AlertRule, Declarations, Schedule

TICKS_IN_A_ROW = 3
"""So many failed ticks in a row are told to a schedule's `notify`: one may be an outage of seconds."""


@dataclass(frozen=True)
class Watches:
    """All watches, found by what they watch. A thousand schedules with `notify` cost one look-up an event."""

    rules: Sequence[Watch]
    by_schedule: Mapping[str, Sequence[Watch]]

    def covering(self, event: Event) -> list[Watch]:
        """The watches that an event concerns, rules first."""
        own = self.by_schedule.get(event.schedule, ()) if event.schedule is not None else ()
        return [watch for watch in (*self.rules, *own) if watch.covers(event)]

    def all(self) -> Iterable[Watch]:
        """Every watch."""
        yield from self.rules
        for own in self.by_schedule.values():
            yield from own

    def wants(self, *kinds: Kind) -> bool:
        """Whether anybody watches for one of these."""
        return any(watch.on in kinds for watch in self.all())


def watches_of(declarations: Declarations) -> Watches:
    """The watches of a set of declarations."""
    rules = [
        Watch(
            name=rule.name,
            on=Kind(rule.on),
            channels=rule.channels,
            schedules=rule.schedules,
            jobs=rule.jobs,
            queues=rule.queues,
            after=rule.after,
            throttle=rule.throttle,
            late_by=rule.late_by if rule.on == "late" else None,
            bound=bound(rule),
            quiet=tuple(QuietHours.parse(each, rule.quiet_zone) for each in rule.quiet_hours),
        )
        for rule in declarations.alerts.rules.values()
    ]
    own = {
        schedule.name: _notify(schedule)
        for schedule in declarations.schedules.values()
        if any(channel in declarations.alerts.channels for channel in schedule.notify)
    }
    return Watches(rules, own)


_BOUNDS = {
    "queue_depth": 100.0,
    "disk_low": 10.0,
    "queue_wait": 3_600.0,
    "nothing_assigned": 600.0,
    "worker_gone": 60.0,
    "backup_failed": 2 * 86_400.0,
    "daemon_silent": 60.0,
    "broker_away": 60.0,
}
"""Where a rule declares none, and what is usual is not known."""


def bound(rule: AlertRule) -> float:
    """Seconds or a number from which on it is wrong; 0: what is usual says it."""
    if rule.over is not None:
        return rule.over.total_seconds()
    return float(rule.number) if rule.number is not None else _BOUNDS.get(rule.on, 0.0)


def notify_name(schedule: str) -> str:
    """Of the watches that a schedule's `notify` stands for. No rule has it: names hold no spaces."""
    return f"notify of {schedule}"


def _notify(schedule: Schedule) -> list[Watch]:
    name = notify_name(schedule.name)
    return [
        Watch(name, Kind.RUN_FAILED, schedule.notify, recovery=True),
        Watch(name, Kind.TICK_FAILED, schedule.notify, after=TICKS_IN_A_ROW, recovery=True),
    ]
