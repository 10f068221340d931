"""Events from what was read: failed runs, ticks, tasks and rings of tasks. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scheduler_defs import tags
from scheduler_defs.alerting.model import Event, Kind
from scheduler_defs.alerting.seen import Position
from scheduler_defs.declarations.models import Declarations
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.redaction import redact_secrets
from scheduler_defs.timing import format_duration

if TYPE_CHECKING:
    from scheduler_defs.execution.alert_facts import SeenRun, SeenTick

LONGEST_TEXT = 500

# As `timing.decision` writes it into a tick's reason and a run's tag; a test keeps them of one mind.
_MISSED = re.compile(r"\d+(?: or more)? missed (?:collapsed into the latest|not caught up with)[^;]*")
_TOO_LATE = re.compile(r"[^;]* late, allowed are [^;]*")


@dataclass(frozen=True)
class Names:
    """Declared names by Dagster's, and what a schedule runs."""

    schedules: Mapping[str, str]
    jobs: Mapping[str, str]
    job_of: Mapping[str, str]
    queues: Mapping[str, str]
    """By the name of their sensor."""

    @classmethod
    def of(cls, declarations: Declarations, queue_sensors: Mapping[str, str]) -> Names:
        """The names in a set of declarations."""
        return cls(
            {dagster_name(name): name for name in declarations.schedules},
            {dagster_name(name): name for name in declarations.jobs},
            {name: schedule.job for name, schedule in declarations.schedules.items()},
            queue_sensors,
        )


@dataclass(frozen=True, slots=True)
class SeenTask:
    """A task of an agent queue that has ended; `failed`: set aside after its last attempt."""

    id: int
    queue: str
    title: str
    failed: bool
    at: dt.datetime
    run_id: str | None = None


@dataclass
class Gathering:
    """Collects events, each thing once: what was counted before is left out."""

    position: Position
    names: Names
    thresholds: tuple[dt.timedelta, ...] = ()
    """The different `late_by` of the rules."""
    events: list[Event] = field(default_factory=list[Event])
    counted: dict[str, dt.datetime] = field(default_factory=dict[str, dt.datetime])
    failing: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.failing = dict(self.position.failing)

    def _count(self, key: str, event: Event, at: dt.datetime) -> None:
        if self.position.is_new(key) and key not in self.counted:
            self.events.append(event)
        # Also of what is known: it is remembered for as long as it is read again.
        self.counted[key] = at

    def ended(self, runs: Iterable[SeenRun]) -> None:
        """Runs that have ended."""
        for run in runs:
            at = run.ended or run.updated
            about = _About.of(run, self.names)
            worker = f"worker {run.tags.get(tags.WORKER, 'unknown')}"
            if not run.failed:
                self.events.append(about.event(Kind.RUN_FAILED, at, good=True))
                self.events.append(about.event(Kind.WORKER_LOST, at, subject=worker, good=True))
            text = one_line(run.tags.get(tags.ERROR, ""))
            if run.failed and run.tags.get(tags.FAILURE) == tags.Failure.WORKER_LOST:
                why = text.removeprefix("worker lost: ")
                lost = about.event(Kind.WORKER_LOST, at, f"{about.subject}: {why}", subject=worker)
                self._count(f"lost {run.run_id}", lost, run.updated)
            if run.failed and is_final(run.tags):
                failed = about.event(Kind.RUN_FAILED, at, text)
                self._count(f"failed {run.run_id}", failed, run.updated)
            self._timeliness(run, about, run.started, run.updated)

    def delayed(self, runs: Iterable[SeenRun], now: dt.datetime) -> None:
        """Runs that wait or are under way."""
        for run in runs:
            about = _About.of(run, self.names)
            self._timeliness(run, about, run.started or now, now, waits=run.started is None)

    def _timeliness(
        self,
        run: SeenRun,
        about: _About,
        began: dt.datetime | None,
        seen: dt.datetime,
        *,
        waits: bool = False,
    ) -> None:
        due = scheduled_for(run.tags)
        if due is None or began is None:
            return
        missed = _MISSED.search(run.tags.get(tags.MISSED, ""))
        if missed:
            event = about.event(Kind.MISSED, began, missed[0].strip())
            self._count(f"missed {run.run_id}", event, seen)
        elif not waits:
            self.events.append(about.event(Kind.MISSED, began, good=True))
        for threshold in self.thresholds:
            if began - due > threshold:
                did = "still waits" if waits else "began"
                span = format_duration(dt.timedelta(seconds=int((began - due).total_seconds())))
                text = f"the occurrence of {due.isoformat(timespec='minutes')} {did} {span} later"
                event = about.event(Kind.LATE, began, text, threshold=threshold)
                self._count(f"late {threshold.total_seconds():g} {run.run_id}", event, seen)
            elif not waits:
                self.events.append(about.event(Kind.LATE, began, good=True, threshold=threshold))

    def ticks(self, ticks: Iterable[SeenTick]) -> None:
        """Ticks that have ended. Of those that went well only the ones that end a streak matter."""
        for tick in ticks:
            name = tick.name or self.failing.get(tick.selector)
            if not tick.ended or name is None:
                continue
            about = _About.of_tick(name, tick.of_schedule, self.names)
            if tick.failed:
                self.failing[tick.selector] = name
                self.events.append(about.event(Kind.TICK_FAILED, tick.at, one_line(tick.error)))
            elif self.failing.pop(tick.selector, None) is not None:
                self.events.append(about.event(Kind.TICK_FAILED, tick.at, good=True))
            if missed := _MISSED.search(tick.reason):
                self.events.append(about.event(Kind.MISSED, tick.at, missed[0].strip()))
            if late := _TOO_LATE.search(tick.reason):
                self.events += [
                    about.event(Kind.LATE, tick.at, late[0].strip(), threshold=each)
                    for each in self.thresholds
                ]

    def tasks(self, tasks: Iterable[SeenTask]) -> None:
        """Tasks that have ended."""
        for task in tasks:
            about = _About(f"queue {task.queue}", queue=task.queue, run_id=task.run_id)
            if task.failed:
                text = one_line(f"task {task.id} {task.title}".strip())
                event = about.event(Kind.TASK_FAILED, task.at, text)
                self._count(f"task {task.id} {task.at.timestamp():.3f}", event, task.at)
            else:
                self.events.append(about.event(Kind.TASK_FAILED, task.at, good=True))

    def cycles(self, present: Mapping[str, str], now: dt.datetime) -> None:
        """Rings of tasks that are there now, and their queue: new ones, and those that are gone."""
        for ring, queue in {**self.position.cycles, **present}.items():
            if (ring in present) != (ring in self.position.cycles):
                about = _About(ring, queue=queue)
                self.events.append(about.event(Kind.BLOCKER_CYCLE, now, good=ring not in present))


@dataclass(frozen=True, slots=True)
class _About:
    """What an event is about."""

    subject: str
    schedule: str | None = None
    job: str | None = None
    queue: str | None = None
    run_id: str | None = None

    @classmethod
    def of(cls, run: SeenRun, names: Names) -> _About:
        schedule, queue = run.tags.get(tags.SCHEDULE), run.tags.get(tags.QUEUE)
        job = run.tags.get(tags.JOB) or names.jobs.get(run.job, run.job)
        subject = f"schedule {schedule}" if schedule else f"queue {queue}" if queue else f"job {job}"
        return cls(subject, schedule, job, queue, run.run_id)

    @classmethod
    def of_tick(cls, name: str, of_schedule: bool, names: Names) -> _About:
        if of_schedule:
            schedule = names.schedules.get(name, name)
            return cls(f"schedule {schedule}", schedule, names.job_of.get(schedule))
        return cls(f"sensor {name}", queue=names.queues.get(name))

    def event(
        self,
        kind: Kind,
        at: dt.datetime,
        text: str = "",
        *,
        subject: str | None = None,
        good: bool = False,
        threshold: dt.timedelta | None = None,
    ) -> Event:
        return Event(
            kind,
            subject or self.subject,
            at,
            good,
            text,
            schedule=self.schedule,
            job=self.job,
            queue=self.queue,
            run_id=self.run_id,
            threshold=threshold,
        )


def is_final(run_tags: Mapping[str, str]) -> bool:
    """Whether no other attempt follows a failed run. As in Airflow, a failure that is retried is not told."""
    if tags.TASK in run_tags:
        # The agent queue gives the task out again; what it finally sets aside is told as task_failed.
        return run_tags.get(tags.ATTEMPT, "1") == run_tags.get(tags.MAX_ATTEMPTS, "1")
    return run_tags.get(tags.RETRY_AT, "cancelled") == "cancelled"


def scheduled_for(run_tags: Mapping[str, str]) -> dt.datetime | None:
    """The occurrence that a run is for; None for retries and for what no schedule has launched."""
    due = run_tags.get(tags.SCHEDULED_FOR)
    if due is None or run_tags.get(tags.TRIGGER) != tags.Trigger.SCHEDULE:
        return None
    try:
        return dt.datetime.fromisoformat(due)
    except ValueError:
        return None


def one_line(text: str) -> str:
    """What people may read: one line, not long, without secrets."""
    joined = redact_secrets(" ".join(text[: 4 * LONGEST_TEXT].split()))
    return joined if len(joined) <= LONGEST_TEXT else joined[: LONGEST_TEXT - 1] + "…"
