"""`signalbox capacity`: slots that each queue needs, by Little's law, and the waits to expect."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import print_json, print_table
from scheduler_defs.errors import SignalboxError


def capacity(
    window: Annotated[str, typer.Option(help="How far back to measure: 24h, 7d.")] = "24h",
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    as_json: AsJson = False,
) -> None:
    """Slots that each queue needs: arrivals per hour x run time, and the waits now and as advised."""
    from scheduler_defs.acting.agent_queues.capacity import capacity_objects
    from scheduler_defs.timing.durations import parse_duration

    try:
        span = parse_duration(window)
    except ValueError as error:
        raise SignalboxError(f"--window: {error}") from None
    if not span:
        raise SignalboxError("--window: must be longer than nothing")
    rows = [row for row in capacity_objects(open_place(), span) if queue in (None, row["queue"])]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("QUEUE", "SLOTS", "ARRIVE/H", "RUN S", "BUSY", "NEEDED", "ADVISED", "WAIT NOW S", "WAIT ADVISED S"),
        [
            (
                row["queue"],
                row["slots"],
                row["arrivals_per_hour"],
                row["run_seconds"],
                row["load"],
                row["needed"],
                row["advised"],
                "grows" if row["wait_now_seconds"] is None else row["wait_now_seconds"],
                row["wait_advised_seconds"],
            )
            for row in rows
        ],
        empty="no queue is served, and no task has arrived",
    )
