"""`signalbox capacity`: slots that each queue needs, by Little's law, and the waits to expect."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler_defs.acting.place import transaction
from scheduler_defs.cli.agents.opening import opened
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import print_json, print_table
from scheduler_defs.errors import SignalboxError


def capacity(
    window: Annotated[str, typer.Option(help="How far back to measure: 24h, 7d.")] = "24h",
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    as_json: AsJson = False,
) -> None:
    """Slots that each queue needs: arrivals per hour x run time, and the waits now and as advised."""
    import datetime as dt
    from dataclasses import asdict

    from scheduler_defs.agents.deciding.capacity import advise
    from scheduler_defs.agents.pool.flow import Flow, flows
    from scheduler_defs.timing.durations import parse_duration

    try:
        span = parse_duration(window)
    except ValueError as error:
        raise SignalboxError(f"--window: {error}") from None
    if not span:
        raise SignalboxError("--window: must be longer than nothing")
    place = opened()
    since = dt.datetime.now(dt.UTC) - span
    arrivals = place.task_queue.arrivals(since)
    with transaction(place.engine) as connection:
        measured = flows(connection, since)
    names = dict.fromkeys([*place.declarations.served_queues, *arrivals, *measured])
    rows = []
    for name in names:
        if queue not in (None, name):
            continue
        agents = [a for a in place.declarations.agents.values() if name in a.queues and a.enabled]
        slots = sum(agent.limit for agent in agents)
        flow = measured.get(name, Flow())
        arrived = arrivals.get(name, 0)
        # A task that is tried several times keeps a slot for all of its attempts.
        attempts = flow.runs / flow.completed if flow.completed else 1.0
        seconds = (flow.run_seconds or 0.0) * attempts
        per_hour = arrived / (span / dt.timedelta(hours=1))
        advice = advise(per_hour, seconds, slots)
        rows.append(
            {
                "queue": name,
                "slots": slots,
                "arrivals_per_hour": round(per_hour, 3),
                "run_seconds": round(seconds, 3),
                **asdict(advice),
            }
        )
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
