"""`signalbox mcp`: MCP over standard input and output."""

from __future__ import annotations

import os
import sys


def mcp() -> None:
    """Serve MCP to the program that starts this, on its standard input and output, for the running stack.

    With SIGNALBOX_TOKEN it may do what the token may; without, what whoever has the state folder may.
    """
    from scheduler_defs.cli.terminal.connection import graphql
    from scheduler_defs.settings import CONFIG, STATE, UI_URL, settings

    place = settings()
    found = {UI_URL: graphql().url, CONFIG: str(place.config), STATE: str(place.state)}
    os.execve(sys.executable, [sys.executable, "-P", "-m", "scheduler_defs.web.mcp"], {**os.environ, **found})  # noqa: S606
