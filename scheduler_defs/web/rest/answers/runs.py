"""Jobs, their runs, and what these have kept."""

from __future__ import annotations

from scheduler_defs.web.rest.answers.parts import Answer


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
