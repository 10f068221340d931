"""The yard as a whole: its health, limits, forecast, causes, audit, and what waits for people."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import Field

from scheduler_defs.web.rest.answers.parts import Answer


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


class Limit(Answer):
    """A limit and its use; the slots of workers are limits, too."""

    key: str
    value: str | None
    limit: int
    source: str
    in_use: int
    waiting: int


class Forecast(Answer):
    """What will run, and where it will pile up; of agent queues what waits, and by when it is done."""

    schedules: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    limits: list[dict[str, Any]]
    pile_ups: list[dict[str, Any]]
    basis: str
    queues: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    tasks: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])


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
