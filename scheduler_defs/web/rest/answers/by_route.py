"""What each route answers, for the document that describes the API to programs.

The answers themselves are plain objects, the same as the command's; a test holds real ones against these.
More fields may come to any of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

_Item = TypeVar("_Item")


class Answer(BaseModel):
    """An object, which may have more fields."""

    model_config = ConfigDict(extra="allow")


class Problem(Answer):
    """What went wrong, as RFC 9457 says it."""

    type: str
    title: str
    status: int
    detail: str


class Page(Answer, Generic[_Item]):
    """A part of a list; `next` is the cursor of the part after it."""

    items: list[_Item]
    next: str | None


class Health(Answer):
    """That it answers."""

    status: str


class Check(Answer):
    """One check of the doctor."""

    name: str
    ok: bool
    detail: str
    advice: str


class Doctor(Answer):
    """Every check."""

    ok: bool
    checks: list[Check]


class LastRun(Answer):
    """The newest run of a schedule."""

    run_id: str
    status: str
    scheduled_for: str | None
    created: str | None
    started: str | None
    ended: str | None
    failure: str | None


class Schedule(Answer):
    """A declared schedule as it is now: on, off, paused or completed."""

    name: str
    job: str
    kind: str
    spec: str
    timezone: str
    enabled: bool
    state: str
    paused_reason: str | None
    paused_until: str | None
    next: str | None
    last_run: LastRun | None
    owner: str | None
    description: str | None


class Due(Answer):
    """An instant at which a schedule is due."""

    schedule: str
    due: dt.datetime


class Occurrence(Answer):
    """What became of an occurrence: run, skipped or missed."""

    scheduled_for: str | None
    outcome: str
    reason: str | None
    run_id: str | None
    status: str | None
    trigger: str | None
    attempt: int | None
    created: str | None
    started: str | None
    ended: str | None
    failure: str | None
    error: str | None


class Declaration(Answer):
    """A schedule as it is declared, and where."""

    name: str
    position: str
    declared: dict[str, Any]


class Edited(Answer):
    """A change of a declaration: what it is, and whether it was written."""

    name: str
    file: str
    changed: bool
    written: bool
    diff: str


class Set(Answer):
    """The state that something was put into, and whether it was in another before."""

    name: str
    state: str
    changed: bool


class Launched(Answer):
    """A run, and how it is. With `dry_run` a launch is `{job, run_config, tags}`."""

    run_id: str
    status: str


class Job(Answer):
    """A job: built-in, python, command or steps."""

    name: str
    kind: str
    queue: str | None
    description: str | None
    schedules: list[str]


class Run(Answer):
    """A run."""

    run_id: str
    job: str
    schedule: str | None
    agent: str | None
    queue: str | None
    task: str | None
    status: str
    trigger: str | None
    scheduled_for: str | None
    attempt: int
    max_attempts: int
    created: str | None
    started: str | None
    ended: str | None
    worker: str | None
    failure: str | None
    error: str | None


class Artifact(Answer):
    """A file that a run has kept; its size in bytes."""

    path: str
    size: int


class Result(Answer):
    """How a run has ended."""

    run_id: str
    job: str
    status: str
    failure: str | None
    error: str | None
    started: str | None
    ended: str | None
    retry_at: str | None
    artifacts: list[Artifact]


class Task(Answer):
    """A task of an agent queue."""

    id: int
    title: str
    queue: str
    status: str
    assigned_to: str | None
    priority: int
    blocked_by: list[int]
    blocked: bool
    attempts: int
    max_attempts: int | None
    run_id: str | None
    created: dt.datetime
    updated: dt.datetime


class NextTask(Answer):
    """The task that an agent may claim now, or why there is none."""

    task: Task | None
    waiting: list[str]


class Upcoming(Answer):
    """The tasks in the order in which they are considered, and what each agent gets, now and then."""

    tasks: list[dict[str, Any]]
    agents: list[dict[str, Any]]


class Held(Answer):
    """Until when a lease holds."""

    id: int
    lease_expires: dt.datetime | None


class Agent(Answer):
    """An agent with its load."""

    name: str
    queues: list[str]
    limit: int
    active: int
    state: str


class Queue(Answer):
    """An agent queue; throughput and waits are of the last hour."""

    queue: str
    idle: int
    blocked: int
    working: int
    failed: int
    oldest_seconds: float | None
    per_hour: int
    wait_p50_seconds: float | None
    wait_p95_seconds: float | None


class Limit(Answer):
    """A limit and its use; the slots of workers are limits, too."""

    key: str
    value: str | None
    limit: int
    source: str
    in_use: int
    waiting: int


class Quota(Answer):
    """A quota pool: open, probing or closed."""

    name: str
    agents: list[str]
    state: str
    opens: dt.datetime | None
    reason: str | None


class Budget(Answer):
    """What is used of a budget, for one thing that it counts apart."""

    name: str
    counts: str
    state: str
    used: dict[str, float] | None
    limits: dict[str, float]


class Allowed(Answer):
    """Of what as much again is allowed."""

    name: str
    allowed: list[str]


class Forecast(Answer):
    """What will run, and where it will pile up."""

    schedules: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    limits: list[dict[str, Any]]
    pile_ups: list[dict[str, Any]]
    basis: str


class Cause(Answer):
    """One link of the chain."""

    code: str
    text: str


class Why(Answer):
    """Why something is as it is: the first cause is the nearest."""

    subject: str
    state: str
    because: list[Cause]
    next: dict[str, Any] | None
    commands: list[str]


class Proof(Answer):
    """Whether everything that was due is accounted for."""

    ok: bool
    due: int
    accounted: dict[str, int]
    problems: list[dict[str, Any]]


class Entry(Answer):
    """An entry of the audit."""

    sequence: int | None
    at: dt.datetime
    actor: str
    channel: str
    action: str
    subject: str
    reason: str | None


class Verified(Answer):
    """Whether the audit is whole."""

    ok: bool
    entries: int
    first: int | None
    last: int | None
    problems: list[dict[str, Any]]


class Waiting(Answer):
    """What waits for a person."""

    id: int | str
    kind: str
    subject: str
    text: str
    since: dt.datetime
    actions: list[str]


class PutOff(Answer):
    """Until when an entry is left out of the inbox; null: for good."""

    id: str
    until: dt.datetime | None


class Approval(Answer):
    """What people are to decide on."""

    id: int
    kind: str
    subject: str
    requested_by: str
    requested: dt.datetime
    expires: dt.datetime | None
    needs: int
    given: int


class Capabilities(Answer):
    """What this installation is and can do."""

    version: str
    features: list[str]
    task_queue: str
    jobs: list[str]
    queues: list[str]
    agents: list[dict[str, Any]]
    limits: list[Limit]


_TASK = "/tasks/{task_id}"
_STEPS = ("comment", "block", "unblock", "ask", "answer", "complete", "fail", "release", "requeue", "cancel")
ANSWERS: Mapping[str, Any] = {
    "GET /health": Doctor,
    "GET /health/live": Health,
    "GET /health/ready": Health,
    "GET /capabilities": Capabilities,
    "GET /schedules": Page[Schedule],
    "POST /schedules": Edited,
    "GET /schedules/{name}": Schedule,
    "PATCH /schedules/{name}": Edited,
    "DELETE /schedules/{name}": Edited,
    "GET /schedules/{name}/declaration": Declaration,
    "GET /schedules/{name}/next": list[Due],
    "GET /schedules/{name}/history": list[Occurrence],
    "POST /schedules/{name}/run": Launched,
    **{f"POST /schedules/{{name}}/{verb}": Set for verb in ("enable", "disable", "pause", "resume")},
    "GET /jobs": list[Job],
    "POST /jobs/{name}/runs": Launched,
    "GET /runs": Page[Run],
    "GET /runs/{run_id}": Run,
    "POST /runs/{run_id}/cancel": Launched,
    "POST /runs/{run_id}/retry": Launched,
    "GET /runs/{run_id}/result": Result,
    "GET /runs/{run_id}/artifacts": list[Artifact],
    "GET /tasks": Page[Task],
    "POST /tasks": Task,
    f"GET {_TASK}": Task,
    f"PATCH {_TASK}": Task,
    f"POST {_TASK}/claim": Task,
    f"POST {_TASK}/heartbeat": Held,
    f"POST {_TASK}/subtasks": Task,
    **{f"POST {_TASK}/{step}": Task for step in _STEPS},
    "GET /agents": list[Agent],
    "GET /agents/{name}": Agent,
    "GET /agents/{name}/next-task": NextTask,
    **{f"POST /agents/{verb}": list[Set] for verb in ("pause", "resume")},
    **{f"POST /agents/{{name}}/{verb}": Set for verb in ("pause", "resume", "drain")},
    "GET /queues": list[Queue],
    "GET /upcoming-tasks": Upcoming,
    "GET /limits": list[Limit],
    "GET /quotas": list[Quota],
    "GET /budgets": list[Budget],
    "POST /budgets/{name}/allow": Allowed,
    "GET /forecast": Forecast,
    "GET /why/{subject}": Why,
    "GET /prove": Proof,
    "GET /audit": Page[Entry],
    "GET /audit/verify": Verified,
    "GET /inbox": list[Waiting],
    "POST /inbox/put_off": PutOff,
    "GET /approvals": list[Approval],
    "POST /approvals/{approval}/approve": Approval,
    "POST /approvals/{approval}/deny": Approval,
    "POST /triggers/{path}": Launched,
}
"""By method and path. What is not JSON is not here: files, output, streams."""
