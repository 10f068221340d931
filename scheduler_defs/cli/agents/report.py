"""`signalbox report workload`: who has how much to do."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import print_json, say
from scheduler_defs.errors import SignalboxError

app = typer.Typer(help="Reports on the agents' workload.")


class Format(StrEnum):
    """What a report is written as."""

    CONSOLE = "console"
    """Plain text."""
    JSON = "json"
    """One document."""
    MARKDOWN = "markdown"
    """Tables."""


@app.callback()
def reports() -> None:
    """Reports on the agents' workload."""


@app.command("workload")
def workload_command(
    form: Annotated[Format, typer.Option("--format", help="console, json or markdown.")] = Format.CONSOLE,
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Open tasks by agent, priority and age."""
    import datetime as dt

    from scheduler_defs.agents.pool.workload import as_markdown, as_text, workload

    tasks = open_place().task_queue.open_tasks(queue)
    chosen = [task for task in tasks if agent is None or task.agent == agent]
    report = workload(chosen, dt.datetime.now(dt.UTC))
    if (as_json or form is Format.JSON) and output is None:
        print_json(report)
        return
    if as_json or form is Format.JSON:
        import json

        text = json.dumps(report, ensure_ascii=False) + "\n"
    else:
        text = as_text(report) if form is Format.CONSOLE else as_markdown(report)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SignalboxError(f"{output}: {error.strerror}") from None
    say(f"written to {output}")
