"""Events from what was read: failed runs, ticks, tasks and rings of tasks. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scheduler_defs import tags
from scheduler_defs.alerting.events.position import Position
from scheduler_defs.alerting.rules.model import Event, Kind
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.ledger.lines import LeftOut
from scheduler_defs.ledger.reasons import Collapsed, Late, Missed, NotCaughtUp, Reason
from scheduler_defs.redaction import redact_secrets
from scheduler_defs.timing import format_duration

if TYPE_CHECKING:
    from scheduler_defs.execution.lookups.alert_facts import SeenRun, SeenTick

LONGEST_TEXT = 500


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
        # That occurrences before it were missed is told from the ledger, and it ends no streak of such.
        if not waits and tags.MISSED not in run.tags:
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

    def left_out(self, found: Iterable[LeftOut]) -> None:
        """Occurrences that were missed or too late, by the tick that decided them."""
        by_tick: dict[tuple[str, dt.datetime], list[LeftOut]] = {}
        for each in found:
            by_tick.setdefault((each.schedule, each.tick), []).append(each)
        for (schedule, tick), each in by_tick.items():
            about = _About(f"schedule {schedule}", schedule, self.names.job_of.get(schedule))
            at = max(one.decided_at for one in each)
            if missed := missed_text([one.reason for one in each]):
                self._count(
                    f"missed {schedule} {tick.timestamp():.0f}", about.event(Kind.MISSED, at, missed), at
                )
            for one in each:
                if isinstance(one.reason, Late):
                    due = one.due.isoformat(timespec="minutes")
                    span, allowed = format_duration(one.reason.late), format_duration(one.reason.allowed)
                    text = f"{due} is {span} late, allowed are {allowed}"
                    for threshold in self.thresholds:
                        event = about.event(Kind.LATE, at, text, threshold=threshold)
                        key = f"late {threshold.total_seconds():g} {schedule} {one.due.timestamp():.0f}"
                        self._count(key, event, at)

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


def missed_text(reasons: Sequence[Reason]) -> str:
    """What one tick has left out, in words; empty if nothing."""
    whole = next((each for each in reasons if isinstance(each, Missed)), None)
    if whole is not None:
        # It speaks for the others of its tick, and also for those that are too many to have a row.
        collapsed, alone, more = whole.collapsed, whole.left_out, " or more" if whole.more else ""
        catch_up = whole.catch_up
    else:
        left = [each for each in reasons if isinstance(each, NotCaughtUp)]
        collapsed, alone, more = sum(isinstance(each, Collapsed) for each in reasons), len(left), ""
        catch_up = left[0].catch_up if left else ""
    parts = [f"{collapsed}{more} missed, collapsed into the latest"] if collapsed else []
    parts += [f"{alone}{more} missed, not caught up with (catch_up: {catch_up})"] if alone else []
    return "; ".join(parts)


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
