"""What alerts are decided from and what comes out: events, watches, streaks, alerts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from scheduler_defs.alerting.rules.quiet_hours import QuietHours


class Kind(StrEnum):
    """What can happen; the values of a rule's `on`."""

    RUN_FAILED = "run_failed"
    """A run failed and is not tried again. An attempt that another one follows does not count."""
    TICK_FAILED = "tick_failed"
    """A schedule or a sensor could not be evaluated."""
    MISSED = "missed"
    """Occurrences were left out because nothing evaluated the schedule in time."""
    LATE = "late"
    """A run began, or still waits, much later than its occurrence; or that was left out as too late."""
    TASK_FAILED = "task_failed"
    """A task of an agent queue was set aside as failed."""
    BLOCKER_CYCLE = "blocker_cycle"
    """Tasks wait for each other in a ring."""
    WORKER_LOST = "worker_lost"
    """A run's worker died or was cut off, whether the run is tried again or not."""
    TOO_LONG = "too_long"
    """A run takes longer than declared, or much longer than is usual for its job."""
    TOO_FAST = "too_fast"
    """A run that went well was suspiciously quick."""
    QUEUE_DEPTH = "queue_depth"
    """Too many tasks or runs wait in a queue."""
    QUEUE_WAIT = "queue_wait"
    """The first in a queue waits for too long."""
    NOTHING_ASSIGNED = "nothing_assigned"
    """Tasks could be given out, and none was for a while."""
    DEADLINE_NEAR = "deadline_near"
    """A task is not done, and its deadline is near."""
    OVERDUE = "overdue"
    """A task is not done, and its deadline has passed."""
    BUDGET_REACHED = "budget_reached"
    """A budget of agents is used up, and what it counts has stopped until somebody allows more."""
    WORKER_GONE = "worker_gone"
    """A worker is silent and has not said goodbye, whether it had work or not."""
    UNPROVEN = "unproven"
    """Occurrences of the last day are not accounted for."""
    REVIEW = "review"
    """The review of the schedules has found something."""
    DISK_LOW = "disk_low"
    """There is little room left for the state."""
    BACKUP_FAILED = "backup_failed"
    """The last backup or drill has failed, or the last success is old."""
    DAEMON_SILENT = "daemon_silent"
    """Dagster's daemon does not answer: no schedule is looked at. Noticed by the supervisor."""
    BROKER_AWAY = "broker_away"
    """The broker does not answer: no run starts. Noticed by the supervisor."""
    APPROVAL = "approval"
    """A run waits for somebody to agree to it."""


class State(StrEnum):
    """What an alert says of its subject."""

    FAILING = "failing"
    RECOVERED = "recovered"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that went wrong with a subject, or (`good`) went well and ends its streak.

    `subject` is what is counted, such as `schedule nightly`. `threshold` is that of late events: they are of
    the rules with this `late_by`.
    """

    kind: Kind
    subject: str
    at: dt.datetime
    good: bool = False
    text: str = ""
    schedule: str | None = None
    job: str | None = None
    queue: str | None = None
    run_id: str | None = None
    threshold: dt.timedelta | None = None
    bound: float | None = None
    """Of what stands: the same for rules that declare as much."""
    approval: int | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """Tell `channels` when `on` has happened `after` times in a row to one subject; then `throttle`.

    Globs over names; none: all. With `recovery` it is also told when the subject is well again.
    """

    name: str
    on: Kind
    channels: tuple[str, ...]
    schedules: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    after: int = 1
    throttle: dt.timedelta = dt.timedelta(hours=1)
    late_by: dt.timedelta | None = None
    recovery: bool = False
    bound: float = 0.0
    """Seconds or a number, for what stands; 0: what is usual."""
    quiet: tuple[QuietHours, ...] = ()

    def quiet_until(self, now: dt.datetime) -> dt.datetime | None:
        """When it may be told; None: now."""
        return max((end for each in self.quiet if (end := each.until(now))), default=None)

    def covers(self, event: Event) -> bool:
        """Whether the event is of this kind and about what the watch asks for."""
        return (
            event.kind is self.on
            and (event.threshold is None or event.threshold == self.late_by)
            and (event.bound is None or event.bound == self.bound)
            and _fits(self.schedules, event.schedule)
            and _fits(self.jobs, event.job)
            and _fits(self.queues, event.queue)
        )


def _fits(globs: tuple[str, ...], name: str | None) -> bool:
    return not globs or (name is not None and any(fnmatchcase(name, glob) for glob in globs))


@dataclass(frozen=True, slots=True)
class Streak:
    """What a watch knows about a subject that goes wrong, or went wrong of late."""

    last: Event
    """The newest of the events that count."""
    since: dt.datetime
    """When the first of them happened."""
    count: int = 0
    """How many in a row; 0: well again, and only the throttle is remembered."""
    untold: int = 0
    """How many since the last alert, or since ever."""
    sent: dt.datetime | None = None
    told: bool = False
    """Somebody believes that it goes wrong."""
    deferred_to: dt.datetime | None = None
    """That it came and went will be told then, at the end of quiet hours."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One message about one subject, for some channels."""

    rule: str
    channels: tuple[str, ...]
    state: State
    event: Event
    count: int
    """Events in a row, this one included."""
    more: int
    """How many of them nobody was told of, because of the throttle."""
    since: dt.datetime
    at: dt.datetime
    due: dt.datetime | None = None
    """Not before then: it was decided in quiet hours. None: at once."""
    over: bool = False
    """It was well again before anybody was told."""

    @property
    def text(self) -> str:
        """The alert as one line."""
        event = self.event
        if self.state is State.RECOVERED:
            return f"{event.subject}: well again after {_times(self.count)}"
        parts = [f"{self.count} in a row"] if self.count > 1 else []
        parts += [f"{self.more} not told before"] if self.more else []
        parts += ["well again since"] if self.over else []
        said = f"{event.subject}: {_WORDS[event.kind]}"
        said += f": {event.text}" if event.text else ""
        return f"{said} ({', '.join(parts)})" if parts else said

    def document(self, ui_url: str | None = None, owner: str | None = None) -> dict[str, Any]:
        """The alert as JSON: what channels are given. `ui_url` makes its run a link."""
        event = self.event
        linked = ui_url is not None and event.run_id is not None
        return {
            "text": self.text,
            "state": self.state.value,
            "rule": self.rule,
            "on": event.kind.value,
            "subject": event.subject,
            "detail": event.text,
            "schedule": event.schedule,
            "job": event.job,
            "queue": event.queue,
            "run_id": event.run_id,
            **({"approval": event.approval} if event.approval is not None else {}),
            "url": f"{ui_url.rstrip('/')}/runs/{event.run_id}" if ui_url and linked else None,
            "owner": owner,
            "count": self.count,
            "since": self.since.isoformat(timespec="seconds"),
            "at": self.at.isoformat(timespec="seconds"),
        }


def _times(count: int) -> str:
    return "a failure" if count == 1 else f"{count} failures"


_WORDS = {
    Kind.RUN_FAILED: "run failed",
    Kind.TICK_FAILED: "cannot be evaluated",
    Kind.MISSED: "missed",
    Kind.LATE: "late",
    Kind.TASK_FAILED: "task failed",
    Kind.BLOCKER_CYCLE: "tasks wait for each other",
    Kind.WORKER_LOST: "lost",
    Kind.TOO_LONG: "takes too long",
    Kind.TOO_FAST: "suspiciously quick",
    Kind.QUEUE_DEPTH: "too deep",
    Kind.QUEUE_WAIT: "waits too long",
    Kind.NOTHING_ASSIGNED: "nothing is given out",
    Kind.DEADLINE_NEAR: "due soon",
    Kind.OVERDUE: "overdue",
    Kind.BUDGET_REACHED: "used up",
    Kind.WORKER_GONE: "gone",
    Kind.UNPROVEN: "unproven",
    Kind.REVIEW: "found",
    Kind.DISK_LOW: "nearly full",
    Kind.BACKUP_FAILED: "no good backup",
    Kind.DAEMON_SILENT: "silent",
    Kind.BROKER_AWAY: "away",
    Kind.APPROVAL: "waits for somebody",
}
