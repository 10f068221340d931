"""Read the evidence: the database, the files that the commands wrote, and the table of processes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.execution.guard.marks import TOKEN
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.queue.choice.read import QueueReader
from scheduler_defs.forecasting.replay import replay
from scheduler_defs.stack.machine.environment import STACK_ID
from tests.chaos.accounting import FINISHED
from tests.chaos.evidence import Due, Evidence, Life, SeenRun, SeenTask, SeenTick
from tests.chaos.yard import FAIL, SCHEDULES, STEPS, Yard

RUNS = sa.text("SELECT run_id, pipeline_name, status FROM runs WHERE id > :run ORDER BY id")
TAGS = sa.text("SELECT run_id, key, value FROM run_tags JOIN runs USING (run_id) WHERE runs.id > :run")
TICKS = sa.text("SELECT tick_body FROM job_ticks WHERE type = 'SCHEDULE' AND id > :tick ORDER BY id")
LEASES = sa.text("SELECT run_id || '/' || step_key FROM signalbox.leases")
ASSIGNMENTS = sa.text("SELECT agent || ' for ' || run_key FROM signalbox.assignments WHERE ended_at IS NULL")
TASKS = sa.text(
    """
    SELECT id::text, queue, status, attempts,
           (SELECT count(*) FROM signalbox.task_comments WHERE task_id = tasks.id) AS comments,
           ARRAY(SELECT blocker_id::text FROM signalbox.task_blockers WHERE task_id = tasks.id) AS blocked_by
    FROM signalbox.tasks WHERE id > :task ORDER BY id
    """
)
NEWEST = sa.text(
    """
    SELECT coalesce((SELECT max(id) FROM runs), 0) AS run, coalesce((SELECT max(id) FROM job_ticks), 0) AS tick,
           coalesce((SELECT max(id) FROM signalbox.tasks), 0) AS task
    """
)
TWICE = sa.text(
    """
    SELECT format('schedule %s: %s runs for %s', schedule.value, count(*), due.value)
    FROM run_tags AS schedule JOIN run_tags AS due USING (run_id)
    WHERE schedule.key = 'signalbox/schedule' AND due.key = 'signalbox/scheduled_for'
      AND NOT EXISTS (SELECT FROM run_tags AS root WHERE root.run_id = due.run_id AND root.key = 'signalbox/root_run')
    GROUP BY schedule.value, due.value HAVING count(*) > 1
    """
)
MINUTE = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Since:
    """The newest rows at a moment of the stack's clock: what is read is what came after."""

    at: dt.datetime
    run: int = 0
    tick: int = 0
    task: int = 0


def since(yard: Yard) -> Since:
    """This moment."""
    with yard.database() as connection:
        return Since(yard.now(), **connection.execute(NEWEST).one()._mapping)


def read(yard: Yard, until: dt.datetime, after: Since | None = None) -> Evidence:
    """What is known now, or what came `after`.

    Occurrences after `until` are left out, with what is still going on for them. Runs whose first attempt
    was before are left out as well.
    """
    after = after or Since(yard.begun)
    rows = {"run": after.run, "tick": after.tick, "task": after.task}
    with yard.database() as connection:
        runs = list(_runs(connection, until, rows))
        ids = {run.run_id for run in runs}
        runs = [run for run in runs if run.tags.get(tags.ROOT_RUN, run.run_id) in ids]
        ids = {run.run_id for run in runs}
        reach = yard.window - 2 * MINUTE
        return Evidence(
            runs=runs,
            lives=list(_lives(yard.marks, ids)),
            ticks=list(_ticks(connection, rows)),
            due=[Due(name, policy, _minutes(after.at, until), reach) for name, policy in SCHEDULES.items()],
            tasks=[_task(row) for row in connection.execute(TASKS, rows)],
            steps=STEPS,
            fails=FAIL,
            leases=list(connection.execute(LEASES).scalars()),
            slots=[run.run_id for run in QueueReader(terms().silence).read(connection, ()).active],
            assignments=list(connection.execute(ASSIGNMENTS).scalars()),
            processes=list(unattended(yard)),
            unproven=list(_unproven(connection.engine, after.at, until, yard.now())),
            twice=list(connection.execute(TWICE).scalars()),
        )


def _unproven(engine: sa.Engine, begun: dt.datetime, until: dt.datetime, now: dt.datetime) -> Iterator[str]:
    for each in replay(engine, begun, until, now).proof.problems if begun < until else ():
        due = dt.datetime.fromtimestamp(each.due, dt.UTC).isoformat(timespec="minutes")
        yield f"schedule {each.schedule}: {due} is {each.trouble}: {each.detail}"


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
    if not any("execution/guard/" in item for item in argv[:5]):
        return False
    known = {path.name[:36] for path in yard.marks.glob("*.jsonl")}
    label = argv[-1]
    return label.removeprefix("signalbox-guard:") in known or f"_{yard.mark}, task" in label


def _runs(connection: sa.Connection, until: dt.datetime, rows: dict[str, int]) -> Iterator[SeenRun]:
    found: dict[str, dict[str, str]] = {}
    for run_id, key, value in connection.execute(TAGS, rows):
        found.setdefault(run_id, {})[key] = value
    for run_id, job, status in connection.execute(RUNS, rows):
        run_tags = found.get(run_id, {})
        due = run_tags.get(tags.SCHEDULED_FOR)
        # Later ones may tell what became of those before, once they have ended.
        if due is None or status in FINISHED or dt.datetime.fromisoformat(due) <= until:
            yield SeenRun(run_id, run_tags.get(tags.JOB) or job, status, run_tags)


def _ticks(connection: sa.Connection, rows: dict[str, int]) -> Iterator[SeenTick]:
    for body in connection.execute(TICKS, rows).scalars():
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


def _lives(folder: Path, ids: Collection[str]) -> Iterator[Life]:
    for path in folder.glob("*.jsonl"):
        if path.name[:36] not in ids:
            continue
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
