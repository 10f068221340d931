"""`signalbox why`: the causal chain of a run, a task, a schedule or a queue."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Annotated, Any

import typer

from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import print_json


def why(
    subject: Annotated[
        str, typer.Argument(help="A run's id, task:ID, schedule:NAME, schedule:NAME@TIME or queue:NAME.")
    ],
    as_json: AsJson = False,
) -> None:
    """Why it ran, did not run, waits or failed; what happens next, and what changes it."""
    from scheduler_defs.cli.terminal.connection import quick_answer

    found = quick_answer("why", subject) or _explained(subject)
    if as_json:
        print_json(found)
        return
    lines = [f"{found['subject']}: {found['state']}"]
    lines += [f"  because {link['text']}" for link in found["because"]]
    if (coming := found["next"]) is not None:
        when = f" at {coming['when']}" if coming["when"] else ""
        lines.append(f"  next: {coming['what']}{when}")
    lines += [f"  $ {command}" for command in found["commands"]]
    sys.stdout.write("\n".join(lines) + "\n")


def _explained(subject: str) -> dict[str, Any]:
    from scheduler_defs.agents.task_queue.opening import open_task_queue
    from scheduler_defs.cli.agents.opening import known_runs
    from scheduler_defs.cli.terminal.connection import database_engine, graphql
    from scheduler_defs.cli.terminal.declarations import load_declared
    from scheduler_defs.explaining.facts import Sources, explain

    declarations = load_declared()
    sources = Sources(
        declarations,
        database_engine(),
        graphql,
        lambda: open_task_queue(declarations.task_queue),
        known_runs,
    )
    return explain(subject, sources, dt.datetime.now(dt.UTC).astimezone()).document()
