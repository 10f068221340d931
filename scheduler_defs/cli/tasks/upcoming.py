"""`signalbox tasks next`: what is next, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scheduler_defs.cli.agents.opening import known_runs, open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import print_json, print_table, say


def next_command(
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent, and the queues that it serves.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many tasks of each queue.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Which task each agent gets next, in which order and why; and why the others wait. Changes nothing."""
    import datetime as dt

    from scheduler_defs.acting.agent_queues.upcoming import upcoming_objects

    shown = upcoming_objects(
        open_place(),
        runs=known_runs(),
        now=dt.datetime.now().astimezone(),
        queue=queue,
        agent=agent,
        limit=limit,
    )
    if as_json:
        print_json(shown)
        return
    print_table(
        ("AGENT", "STATE", "NOW", "WHEN A SLOT IS FREE", "BECAUSE", "USUALLY TAKES"),
        [
            (
                each["agent"],
                each["state"],
                ", ".join(map(str, each["now"])),
                "" if each["then"] is None else f"{each['then']} {each['title']}"[:50],
                "; ".join(each["because"]),
                takes_text(each["takes"]),
            )
            for each in shown["agents"]
        ],
        empty="no agent serves these queues",
    )
    say("")
    print_table(
        ("TASK", "QUEUE", "TITLE", "BECAUSE", "", "USUALLY TAKES"),
        [
            (
                each["task"],
                each["queue"],
                each["title"][:40],
                "; ".join(each["because"]),
                f"-> {each['agent']}" if each["agent"] else each["waits"],
                takes_text(each["takes"]),
            )
            for each in shown["tasks"]
        ],
        empty="nothing waits",
    )


def takes_text(found: dict[str, Any] | None) -> str:
    """`12m (5m to 40m)`."""
    if found is None:
        return ""
    median, low, high = (_length(found[f"{name}_seconds"]) for name in ("median", "low", "high"))
    return f"{median} ({low} to {high})"


def _length(seconds: float) -> str:
    import datetime as dt

    from scheduler_defs.timing.durations import format_duration

    whole = round(seconds) if seconds < 3600 else 60 * round(seconds / 60)
    return format_duration(dt.timedelta(seconds=max(1, whole)))
