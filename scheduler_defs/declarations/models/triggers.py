"""Webhooks from outside: a path, a secret, and the job that is run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from scheduler_defs.declarations.models.base import Model, Position


class Trigger(Model):
    """A signed request to `/api/v1/triggers/{path}` runs a job."""

    name: str
    source: Position
    path: str
    secret: str
    """The name of the environment variable that holds it."""
    job: str
    params: Mapping[str, str] = Field(default_factory=dict)
    """Of the job, each with where its value is in the body: `head_commit.id`."""
    config: Mapping[str, Any] = Field(default_factory=dict)
    """Values that are always the same."""
    within: dt.timedelta = dt.timedelta(minutes=5)
    """How old a request that says its time may be."""
    description: str | None = None
