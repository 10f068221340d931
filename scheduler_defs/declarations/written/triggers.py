"""`triggers:` as it is written."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import Field

from scheduler_defs.declarations.written.fields import (
    EnvironmentName,
    Name,
    PositiveDuration,
    Text,
    Written,
)


class TriggerEntry(Written):
    """A job that a signed request from outside runs."""

    path: Name | None = None
    """Last part of its address, below `/api/v1/triggers/`; absent: the name."""
    secret: EnvironmentName
    """Name of the webserver's environment variable that holds the secret."""
    job: Text
    """What is run: a job of ours, or LOCATION/JOB."""
    params: dict[str, Text] = Field(default_factory=dict)
    """Params of the job, each with where its value is in the request's JSON: `head_commit.id`."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Params of the job that are always the same."""
    within: PositiveDuration = dt.timedelta(minutes=5)
    """How old a request that says its time may be."""
    description: Text | None = None
    """Shown to people."""
