"""What the live table shows beside the components: workers, next due schedules, last runs."""

from __future__ import annotations

import datetime as dt
import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from scheduler_defs import settings
from scheduler_defs.settings import Settings
from scheduler_defs.stack.health.workers import WorkerRow, live_workers

REFRESHED_SECONDS = 5.0
SHOWN = 6


@dataclass(frozen=True)
class Due:
    """A schedule that is on, and its next occurrence."""

    schedule: str
    job: str
    due: dt.datetime


@dataclass(frozen=True)
class LastRun:
    """One of the newest runs."""

    run_id: str
    job: str
    status: str
    created: dt.datetime


@dataclass(frozen=True)
class Outlook:
    """All of it at one moment; empty while the stack starts."""

    workers: tuple[WorkerRow, ...] = ()
    due: tuple[Due, ...] = ()
    runs: tuple[LastRun, ...] = ()
    problems: tuple[str, ...] = field(default=())


def read(where: Settings, exports: dict[str, str]) -> Outlook:
    """Ask the database, the webserver and the files. Raises whatever they raise while the stack starts."""
    from scheduler_defs.declarations import current
    from scheduler_defs.declarations.names import dagster_name
    from scheduler_defs.graphql.client import GraphQLClient
    from scheduler_defs.graphql.runs import list_runs
    from scheduler_defs.graphql.schedules import instance_states
    from scheduler_defs.stack.health.problems import problems
    from scheduler_defs.timing import next_occurrence

    workers = live_workers(exports[settings.POSTGRES_URL])
    client = GraphQLClient(exports[settings.UI_URL], timeout_seconds=10)
    states = instance_states(client)
    now = dt.datetime.now(dt.UTC)
    coming: list[Due] = []
    for schedule in current(where.config, where.state).declarations.schedules.values():
        if states.get(dagster_name(schedule.name), {}).get("status") != "RUNNING":
            continue
        due = next_occurrence(schedule.timing, now, schedule.policies)
        if due is not None:
            coming.append(Due(schedule.name, schedule.job, due))
    runs = [
        LastRun(run["run_id"], run["job"], run["status"], dt.datetime.fromisoformat(run["created"]))
        for run in list_runs(client, limit=SHOWN)
    ]
    soonest = heapq.nsmallest(SHOWN, coming, key=lambda item: (item.due.timestamp(), item.schedule))
    return Outlook(
        tuple(workers),
        tuple(soonest),
        tuple(runs),
        tuple(problems(where, exports[settings.POSTGRES_URL], workers)),
    )


class Refreshed:
    """The newest outlook, read again and again by a thread of its own so that drawing never waits."""

    def __init__(self, read_now: Callable[[], Outlook]) -> None:
        self._read = read_now
        self._latest = Outlook()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outlook", daemon=True)

    def __enter__(self) -> Callable[[], Outlook]:
        self._thread.start()
        return lambda: self._latest

    def __exit__(self, *_: object) -> None:
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._latest = self._read()
            except Exception:
                # Something is starting, or is being restarted: the components' rows say what.
                self._latest = Outlook(workers=self._latest.workers, due=(), runs=self._latest.runs)
            self._closed.wait(REFRESHED_SECONDS)
