"""`signalbox queues`: depth, age and throughput of the agent queues; and who blocks whom."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from scheduler_defs.cli.agents.graph import graph_command
from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import print_json, print_table

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
    from scheduler_defs.acting.agent_queues.queues import queue_objects

    place = open_place()
    while True:
        rows = queue_objects(place)
        if as_json:
            print_json(rows)
        else:
            _print(rows)
        if not watch:
            return
        time.sleep(2.0)


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
