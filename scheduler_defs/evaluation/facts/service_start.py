"""When this process began to serve: its rules count from then, and nothing from before runs by them."""

from __future__ import annotations

import datetime as dt

SERVED_SINCE = dt.datetime.now(dt.UTC)
"""Set when the code location is loaded, which takes a new process each time."""
