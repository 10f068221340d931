"""What time it is: given, so that a test or a dry run can say so."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from resources.base import YardResource
from scheduler_defs.timing import parse_instant


class ClockResource(YardResource):
    """The clock. `at` stops it."""

    at: str | None = Field(default=None, description="An instant, ISO 8601, at which it stands still.")

    def now(self) -> dt.datetime:
        """The time, aware, in UTC. Raises ValueError for an `at` that is no instant."""
        if self.at is None:
            return dt.datetime.now(dt.UTC)
        return parse_instant(self.at, "UTC").astimezone(dt.UTC)
