"""What alerts are decided from and what comes out: events, watches, streaks, alerts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any


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

    def covers(self, event: Event) -> bool:
        """Whether the event is of this kind and about what the watch asks for."""
        return (
            event.kind is self.on
            and (event.threshold is None or event.threshold == self.late_by)
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

    @property
    def text(self) -> str:
        """The alert as one line."""
        event = self.event
        if self.state is State.RECOVERED:
            return f"{event.subject}: well again after {_times(self.count)}"
        parts = [f"{self.count} in a row"] if self.count > 1 else []
        parts += [f"{self.more} not told before"] if self.more else []
        said = f"{event.subject}: {_WORDS[event.kind]}"
        said += f": {event.text}" if event.text else ""
        return f"{said} ({', '.join(parts)})" if parts else said

    def document(self, ui_url: str | None = None) -> dict[str, Any]:
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
            "url": f"{ui_url.rstrip('/')}/runs/{event.run_id}" if ui_url and linked else None,
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
}
