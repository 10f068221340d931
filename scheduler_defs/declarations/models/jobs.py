"""Jobs without Python, as the program sees them: one command, or a graph of steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field

from scheduler_defs.declarations.models.approvals import Approve
from scheduler_defs.declarations.models.base import Model, Position, Retries, Scalar


class Param(Model):
    """A typed parameter of a declared job. `{params.NAME}` in its command stands for the value."""

    name: str
    type: Literal["string", "integer", "number", "boolean"] = "string"
    default: Scalar | None = None
    """None: must be given."""
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: tuple[Scalar, ...] = ()
    pattern: str | None = None
    """A regular expression that the whole text must match."""
    description: str | None = None


class Asset(Model):
    """Something that a job's command makes. `name` is its key, parts joined by `/`; `deps` are keys."""

    name: str
    deps: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    group: str | None = None
    description: str | None = None


class Step(Model):
    """One command of a job with `steps`; it starts when all steps that it needs have succeeded."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    queue: str | None = None
    timeout: dt.timedelta | None = None
    retries: Retries | None = None
    artifacts: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    cwd: str | None = None
    assets: Mapping[str, Asset] = Field(default_factory=dict)
    """What its command makes, by key."""
    approve: Approve | None = None


class StepExecutor(StrEnum):
    """What executes the steps of a job."""

    CELERY = "celery"
    """Workers for steps: each step in a warm process of its own, side by side, on any host."""
    IN_PROCESS = "in_process"
    """The run's own worker: one step after the other, without a message in between."""


class Job(Model):
    """A job without Python: one command, or steps."""

    name: str
    source: Position
    command: tuple[str, ...] | None = None
    """Program and arguments; never passed to a shell."""
    steps: Mapping[str, Step] | None = None
    executor: StepExecutor = StepExecutor.CELERY
    params: Mapping[str, Param] = Field(default_factory=dict)
    env: tuple[str, ...] = ()
    """Names of environment variables that the command gets from the worker."""
    cwd: str | None = None
    timeout: dt.timedelta | None = None
    expected: dt.timedelta | None = None
    """How long a run usually takes."""
    grace: dt.timedelta = dt.timedelta(seconds=10)
    """Between SIGTERM and SIGKILL."""
    queue: str | None = None
    """Celery queue; None: the default."""
    artifacts: tuple[str, ...] = ()
    """Globs, relative to the working directory, of the files to keep."""
    assets: Mapping[str, Asset] = Field(default_factory=dict)
    """What the command makes, by key."""
    max_concurrent: int | None = None
    retries: Retries | None = None
    priority: int = 0
    approve: Approve | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)
    owner: str | None = None
    description: str | None = None

    @property
    def gated_at_start(self) -> frozenset[str]:
        """The steps to which people must agree before the run starts at all.

        All that want it, where steps make assets, for Dagster plans all of those for one run; else the first
        ones, where no step can go before without being agreed to.
        """
        steps = (self.steps or {}).values()
        gated = frozenset(step.name for step in steps if step.approve is not None)
        if any(step.assets for step in steps):
            return gated
        first = frozenset(step.name for step in steps if not step.needs)
        return first if first <= gated else frozenset()

    @property
    def in_stages(self) -> bool:
        """Whether people must agree to any of its steps when its run has started."""
        gated = {step.name for step in (self.steps or {}).values() if step.approve is not None}
        return not gated <= self.gated_at_start

    @property
    def all_assets(self) -> dict[str, Asset]:
        """What its command makes, or its steps."""
        return {
            **self.assets,
            **{key: it for step in (self.steps or {}).values() for key, it in step.assets.items()},
        }
