"""Where the audit's signed checkpoints are kept besides the state folder."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from scheduler_defs.declarations.models.base import Model


class CheckpointDestination(Model):
    """A folder, or `s3://bucket/prefix`; in a bucket each is locked until it is `retain` old."""

    to: str
    mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    retain: dt.timedelta = dt.timedelta(days=365)


class Audit(Model):
    """What is declared of the audit. How long entries stay is `retention: audit`."""

    checkpoints: tuple[CheckpointDestination, ...] = ()
