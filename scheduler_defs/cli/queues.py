"""`signalbox queues`: depth, age and throughput of the agent queues; and who blocks whom."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from scheduler_defs.cli.output import print_json, print_table
from scheduler_defs.cli.queues_graph import graph_command
from scheduler_defs.cli.queues_opened import Opened, opened, transaction
from scheduler_defs.cli.runs import AsJson

app = typer.Typer(help="Depth, age and throughput of the agent queues.", invoke_without_command=True)
app.command("graph")(graph_command)


@app.callback()
def queues(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Again every two seconds, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every queue that is served or has tasks; throughput and waits are of the last hour."""
    if context.invoked_subcommand is not None:
        return
    place = opened()
    while True:
        rows = _rows(place)
        if as_json:
            print_json(rows)
        else:
            _print(rows)
        if not watch:
            return
        time.sleep(2.0)


def _rows(place: Opened) -> list[dict[str, Any]]:
    import datetime as dt

    from resources.agent_pool import assignments
    from resources.agent_pool.flow import HOUR, Flow, flows
    from resources.task_queue.models import QueueCounts

    now = dt.datetime.now(dt.UTC)
    counted = place.task_queue.counts()
    with transaction(place.engine) as connection:
        measured = flows(connection, now - HOUR)
        loads = assignments.loads(assignments.live(connection, place.task_queue.backend))
    served = place.declarations.served_queues
    going = [name for name, n in counted.items() if n.idle or n.working or n.failed]
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys([*served, *going]):
        numbers, flow = counted.get(name, QueueCounts()), measured.get(name, Flow())
        agents = [agent for agent in place.declarations.agents.values() if name in agent.queues]
        oldest = (now - numbers.oldest).total_seconds() if numbers.oldest else None
        rows.append(
            {
                "queue": name,
                "idle": numbers.idle,
                "ready": numbers.ready,
                "blocked": numbers.blocked,
                "for_later": numbers.held,
                "working": numbers.working,
                "failed": numbers.failed,
                "oldest_seconds": None if oldest is None else round(max(0.0, oldest), 1),
                "per_hour": flow.completed,
                "wait_p50_seconds": flow.wait_p50_seconds,
                "wait_p95_seconds": flow.wait_p95_seconds,
                "agents": {agent.name: f"{loads.get(agent.name, 0)}/{agent.limit}" for agent in agents},
                "served": bool(agents),
            }
        )
    return rows


def _print(rows: list[dict[str, Any]]) -> None:
    print_table(
        (
            "QUEUE",
            "IDLE",
            "BLOCKED",
            "LATER",
            "WORKING",
            "FAILED",
            "OLDEST S",
            "PER H",
            "P50 S",
            "P95 S",
            "AGENTS",
        ),
        [
            (
                row["queue"],
                row["idle"],
                row["blocked"],
                row["for_later"],
                row["working"],
                row["failed"],
                row["oldest_seconds"],
                row["per_hour"],
                row["wait_p50_seconds"],
                row["wait_p95_seconds"],
                ", ".join(f"{name} {load}" for name, load in row["agents"].items()) or "no agent serves it",
            )
            for row in rows
        ],
        empty="no queue is served or has tasks",
    )
