"""Read the evidence: the database, the files that the commands wrote, and the table of processes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.execution.dequeue_read import QueueReader
from scheduler_defs.execution.guard import TOKEN
from scheduler_defs.execution.terms import terms
from scheduler_defs.stack.environment import STACK_ID
from tests.chaos.accounting import FINISHED
from tests.chaos.evidence import Due, Evidence, Life, SeenRun, SeenTask, SeenTick
from tests.chaos.yard import SCHEDULES, STEPS, Yard

RUNS = sa.text("SELECT run_id, pipeline_name, status FROM runs ORDER BY id")
TAGS = sa.text("SELECT run_id, key, value FROM run_tags")
TICKS = sa.text("SELECT tick_body FROM job_ticks WHERE type = 'SCHEDULE' ORDER BY id")
LEASES = sa.text("SELECT run_id || '/' || step_key FROM signalbox.leases")
ASSIGNMENTS = sa.text("SELECT agent || ' for ' || run_key FROM signalbox.assignments WHERE ended_at IS NULL")
TASKS = sa.text(
    """
    SELECT id::text, queue, status, attempts,
           (SELECT count(*) FROM signalbox.task_comments WHERE task_id = tasks.id) AS comments,
           ARRAY(SELECT blocker_id::text FROM signalbox.task_blockers WHERE task_id = tasks.id) AS blocked_by
    FROM signalbox.tasks ORDER BY id
    """
)
MINUTE = dt.timedelta(minutes=1)


def read(yard: Yard, until: dt.datetime) -> Evidence:
    """What is known now. Occurrences after `until` are left out, with what is still going on for them."""
    with yard.database() as connection:
        runs = list(_runs(connection, until))
        ids = {run.run_id for run in runs}
        return Evidence(
            runs=runs,
            lives=[life for life in _lives(yard.marks) if life.run_id in ids],
            ticks=list(_ticks(connection)),
            due=[Due(name, policy, _minutes(yard.begun, until)) for name, policy in SCHEDULES.items()],
            tasks=[_task(row) for row in connection.execute(TASKS)],
            steps=STEPS,
            leases=list(connection.execute(LEASES).scalars()),
            slots=[run.run_id for run in QueueReader(terms().silence).read(connection, ()).active],
            assignments=list(connection.execute(ASSIGNMENTS).scalars()),
            processes=list(unattended(yard)),
        )


def unattended(yard: Yard) -> Iterator[str]:
    """Processes of the stack that are below none of its components, guards, and what guards look after.

    To be asked when nothing runs any more: then there is no guard, and no command.
    """
    kept = {item.pid for item in yard.stack.record.components} | {yard.stack.record.pid}
    for process in psutil.process_iter():
        try:
            environment, argv = process.environ(), process.cmdline()
            ours = environment.get(STACK_ID) in yard.ids
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                above = {process.pid, *(parent.pid for parent in process.parents())}
                left = not above & kept
            else:
                left = _is_guarded(yard, environment) or _is_guard(yard, argv)
            if left:
                yield f"{process.pid} {' '.join(argv)[:100]}"
        except (psutil.Error, OSError):
            continue


def _is_guarded(yard: Yard, environment: dict[str, str]) -> bool:
    folder = str(yard.stack.folder)
    return TOKEN in environment and any(value.startswith(folder) for value in environment.values())


def _is_guard(yard: Yard, argv: list[str]) -> bool:
    if not any("guard_process" in item for item in argv[:5]):
        return False
    known = {path.name[:36] for path in yard.marks.glob("*.jsonl")}
    label = argv[-1]
    return label.removeprefix("signalbox-guard:") in known or f"_{yard.mark}, task" in label


def _runs(connection: sa.Connection, until: dt.datetime) -> Iterator[SeenRun]:
    found: dict[str, dict[str, str]] = {}
    for run_id, key, value in connection.execute(TAGS):
        found.setdefault(run_id, {})[key] = value
    for run_id, job, status in connection.execute(RUNS):
        run_tags = found.get(run_id, {})
        due = run_tags.get(tags.SCHEDULED_FOR)
        # Later ones may tell what became of those before, once they have ended.
        if due is None or status in FINISHED or dt.datetime.fromisoformat(due) <= until:
            yield SeenRun(run_id, run_tags.get(tags.JOB) or job, status, run_tags)


def _ticks(connection: sa.Connection) -> Iterator[SeenTick]:
    for body in connection.execute(TICKS).scalars():
        tick = json.loads(body)
        tick = tick.get("tick_data", tick)
        yield SeenTick(
            tick["instigator_name"] if "instigator_name" in tick else tick["job_name"],
            dt.datetime.fromtimestamp(float(tick["timestamp"]), dt.UTC),
            _value(tick["status"]),
            tick.get("skip_reason") or "",
        )


def _value(field: Any) -> str:
    """An enum as Dagster serialises it: `{"__enum__": "TickStatus.SKIPPED"}`."""
    return str(field["__enum__"] if isinstance(field, dict) else field).rpartition(".")[2]


def _task(row: sa.Row[Any]) -> SeenTask:
    lost = row.queue == "lost"
    return SeenTask(
        row.id,
        row.status,
        row.attempts,
        2 if lost else 8,
        tuple(row.blocked_by),
        row.comments,
        "failed" if lost else "complete",
    )


def _lives(folder: Path) -> Iterator[Life]:
    for path in folder.glob("*.jsonl"):
        whole, _, _ = path.read_text().rpartition("\n")
        notes = [json.loads(line) for line in whole.splitlines()]
        if notes:
            first, last = notes[0], notes[-1]
            yield Life(
                first["run_id"],
                first["step"],
                first["task"],
                first["pid"],
                first["at"],
                last["at"],
                last.get("code"),
            )


def _minutes(after: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """The full minutes after one instant and up to another."""
    first = after.replace(second=0, microsecond=0) + MINUTE
    count = max(0, int((until - first) / MINUTE) + 1) if until >= first else 0
    return [first + n * MINUTE for n in range(count)]
