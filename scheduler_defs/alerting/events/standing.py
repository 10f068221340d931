"""What is wrong at this moment: told when it begins, and over when it is no longer so."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.agents.pool.flow import estimates
from scheduler_defs.alerting.rules.model import Event, Kind
from scheduler_defs.alerting.rules.watches import Watches
from scheduler_defs.approvals.reading import waiting
from scheduler_defs.approvals.wording import asked
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.timing import format_duration

statement = NamedSql(Path(__file__).parent)

KINDS = (
    Kind.TOO_LONG,
    Kind.TOO_FAST,
    Kind.QUEUE_DEPTH,
    Kind.QUEUE_WAIT,
    Kind.NOTHING_ASSIGNED,
    Kind.DEADLINE_NEAR,
    Kind.OVERDUE,
    Kind.BUDGET_REACHED,
    Kind.WORKER_GONE,
    Kind.UNPROVEN,
    Kind.REVIEW,
    Kind.DISK_LOW,
    Kind.BACKUP_FAILED,
    Kind.APPROVAL,
)
LEARNED = 0.0
"""The bound of a rule that declares none: what is usual says it."""
PROVED_EVERY = dt.timedelta(minutes=10)
_LONGER, _FASTER = 3, 5
_LEAST_SECONDS, _LEAST_RUNS = 60.0, 5
_QUICK_SECONDS = 10.0
"""What usually takes less is never suspiciously quick."""
NEAR_DEADLINE, _FURTHEST_DEADLINE = 4 * 3_600.0, 30 * 86_400.0
_BACKUPS = ("database_backup", "database_drill")

Proof = Callable[[], Mapping[str, int]]
"""How many occurrences of each schedule cannot be accounted for."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Something that is wrong now. `bound`: that of the rules that it concerns."""

    kind: Kind
    subject: str
    text: str = ""
    bound: float = LEARNED
    schedule: str | None = None
    job: str | None = None
    queue: str | None = None
    run_id: str | None = None
    approval: int | None = None

    @property
    def key(self) -> str:
        """The same thing at another moment has the same."""
        return f"{self.kind.value} {self.bound:g} {self.subject}"

    def event(self, at: dt.datetime, *, good: bool) -> Event:
        """It begins, or (`good`) it is over."""
        return Event(
            self.kind,
            self.subject,
            at,
            good,
            "" if good else self.text,
            schedule=self.schedule,
            job=self.job,
            queue=self.queue,
            run_id=self.run_id,
            bound=self.bound,
            approval=self.approval,
        )


def changes(before: Mapping[str, Standing], now: Mapping[str, Standing], at: dt.datetime) -> Iterator[Event]:
    """Events for what has begun, and for what is over."""
    yield from (each.event(at, good=False) for key, each in now.items() if key not in before)
    yield from (each.event(at, good=True) for key, each in before.items() if key not in now)


def standing(
    connection: sa.Connection,
    watches: Watches,
    state: Path,
    proof: Proof,
    now: dt.datetime,
    before: Mapping[str, Standing],
    *,
    prove: bool,
) -> tuple[dict[str, Standing], list[str]]:
    """All that somebody watches for, and what could not be looked at: that stands as it was `before`.

    Without `prove` the ledger is not looked at either.
    """
    found: list[Standing] = []
    faults: list[str] = []
    for kind in KINDS:
        bounds = sorted({watch.bound for watch in watches.all() if watch.on is kind})
        if not bounds:
            continue
        as_before = [each for each in before.values() if each.kind is kind]
        if kind is Kind.UNPROVEN and not prove:
            found += as_before
            continue
        try:
            with connection.begin_nested():
                looks = [_Look(connection, state, proof, now.timestamp(), bound) for bound in bounds]
                found += [each for look in looks for each in _READ[kind](look)]
        except Exception as error:
            # One of them must not keep all other alerts from being told.
            faults.append(f"{kind.value}: {type(error).__name__}: {str(error).partition(chr(10))[0]}")
            found += as_before
    return {each.key: each for each in found}, faults


@dataclass(frozen=True)
class _Look:
    connection: sa.Connection
    state: Path
    proof: Proof
    now: float
    bound: float

    def rows(self, query: str, **more: Any) -> Iterable[Any]:
        values = {"now": self.now, "job": tags.JOB, "schedule": tags.SCHEDULE, **more}
        wanted = statement(query)
        return self.connection.execute(wanted, {key: values[key] for key in wanted.compile().params}).all()


def _too_long(look: _Look) -> Iterator[Standing]:
    for row in look.rows("going"):
        usual = _LONGER * row.p95 if row.p95 is not None and row.runs >= _LEAST_RUNS else None
        bound = look.bound or (max(usual, _LEAST_SECONDS) if usual is not None else None)
        if bound is not None and row.took > bound:
            # Without how long by now: it would be another text with every look.
            text = f"it has run for more than {_span(bound)}"
            yield _of_run(Kind.TOO_LONG, row, text, look.bound)


def _too_fast(look: _Look) -> Iterator[Standing]:
    for row in look.rows("lately"):
        if row.runs >= _LEAST_RUNS and row.usual >= _QUICK_SECONDS and row.took * _FASTER < row.usual:
            text = f"it took {row.took:.1f} s, where {_span(row.usual)} are usual"
            yield _of_run(Kind.TOO_FAST, row, text, look.bound)


def _of_run(kind: Kind, row: Any, text: str, bound: float) -> Standing:
    subject = f"schedule {row.schedule}" if row.schedule else f"job {row.job}"
    return Standing(kind, subject, text, bound, row.schedule, row.job, run_id=row.run_id)


def _queue_depth(look: _Look) -> Iterator[Standing]:
    for queue, row in _queues(look):
        if row.depth > look.bound:
            text = f"more than {look.bound:g} wait"
            yield Standing(Kind.QUEUE_DEPTH, queue, text, look.bound, queue=row.queue)


def _queue_wait(look: _Look) -> Iterator[Standing]:
    for queue, row in _queues(look):
        if row.waits > look.bound:
            text = f"the first has waited for more than {_span(look.bound)}"
            yield Standing(Kind.QUEUE_WAIT, queue, text, look.bound, queue=row.queue)


def _queues(look: _Look) -> Iterator[tuple[str, Any]]:
    yield from ((f"queue {row.queue}", row) for row in look.rows("queues"))
    yield from ((f"run queue {row.queue}", row) for row in look.rows("run_queues"))


def _nothing_assigned(look: _Look) -> Iterator[Standing]:
    for row in look.rows("queues"):
        if min(row.waits, row.idle) > look.bound:
            text = f"tasks wait, and none was given out for {_span(look.bound)}"
            yield Standing(Kind.NOTHING_ASSIGNED, f"queue {row.queue}", text, look.bound, queue=row.queue)


def _deadline_near(look: _Look) -> Iterator[Standing]:
    rows = look.rows("due", until=look.now + (look.bound or _FURTHEST_DEADLINE))
    learned = None if look.bound else estimates(look.connection, {row.queue for row in rows})
    for row in rows:
        usual = None if learned is None else learned.of(row.queue, tags=row.tags)
        near = look.bound or max(NEAR_DEADLINE, usual.high_seconds if usual is not None else 0.0)
        if look.now < row.due <= look.now + near:
            yield _of_task(Kind.DEADLINE_NEAR, row, look.bound)


def _overdue(look: _Look) -> Iterator[Standing]:
    for row in look.rows("due", until=look.now):
        yield _of_task(Kind.OVERDUE, row, look.bound)


def _budget_reached(look: _Look) -> Iterator[Standing]:
    for row in look.rows("budgets"):
        text = row.body.partition("). ")[0] + ")"
        yield Standing(
            Kind.BUDGET_REACHED, f"budget {row.budget} ({row.bucket})", text, look.bound, queue=row.queue
        )


def _of_task(kind: Kind, row: Any, bound: float) -> Standing:
    text = f"{row.title}: wanted by {row.deadline:%Y-%m-%d %H:%M} UTC"
    return Standing(kind, f"task {row.id}", text, bound, queue=row.queue)


def _worker_gone(look: _Look) -> Iterator[Standing]:
    for row in look.rows("workers"):
        if row.silent > look.bound:
            text = f"nothing was heard of it for {_span(look.bound)}"
            yield Standing(Kind.WORKER_GONE, f"worker {row.id}", text, look.bound)


def _unproven(look: _Look) -> Iterator[Standing]:
    for schedule, count in look.proof().items():
        text = f"{count} occurrences of the last day are not accounted for: `signalbox prove`"
        yield Standing(Kind.UNPROVEN, f"schedule {schedule}", text, look.bound, schedule)


def _review(look: _Look) -> Iterator[Standing]:
    for row in look.rows("reviewed"):
        text = "see the report of the job schedule_review"
        yield Standing(Kind.REVIEW, f"review {row.check_name}", text, look.bound)


def _disk_low(look: _Look) -> Iterator[Standing]:
    usage = shutil.disk_usage(look.state)
    if 100 * usage.free < look.bound * usage.total:
        yield Standing(
            Kind.DISK_LOW, f"disk of {look.state}", f"less than {look.bound:g} % are free", look.bound
        )


def _backup_failed(look: _Look) -> Iterator[Standing]:
    for job in _BACKUPS:
        (row,) = look.rows("newest_of_job", name=job)
        if row.status == "FAILURE":
            yield Standing(Kind.BACKUP_FAILED, f"job {job}", "its last run has failed", look.bound, job=job)
        elif row.age is not None and row.age > look.bound:
            text = f"its last success is older than {_span(look.bound)}"
            yield Standing(Kind.BACKUP_FAILED, f"job {job}", text, look.bound, job=job)


def _approval(look: _Look) -> Iterator[Standing]:
    for each in waiting(look.connection):
        yield Standing(
            Kind.APPROVAL,
            f"approval {each['id']}",
            asked(each),
            look.bound,
            each["schedule"],
            each["job"],
            each["queue"],
            each["run_id"],
            each["id"],
        )


def _span(seconds: float) -> str:
    return format_duration(dt.timedelta(seconds=max(1, round(seconds))))


_READ: Mapping[Kind, Callable[[_Look], Iterable[Standing]]] = {
    Kind.TOO_LONG: _too_long,
    Kind.TOO_FAST: _too_fast,
    Kind.QUEUE_DEPTH: _queue_depth,
    Kind.QUEUE_WAIT: _queue_wait,
    Kind.NOTHING_ASSIGNED: _nothing_assigned,
    Kind.DEADLINE_NEAR: _deadline_near,
    Kind.OVERDUE: _overdue,
    Kind.BUDGET_REACHED: _budget_reached,
    Kind.WORKER_GONE: _worker_gone,
    Kind.UNPROVEN: _unproven,
    Kind.REVIEW: _review,
    Kind.DISK_LOW: _disk_low,
    Kind.BACKUP_FAILED: _backup_failed,
    Kind.APPROVAL: _approval,
}
