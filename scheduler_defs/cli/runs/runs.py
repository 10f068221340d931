"""`signalbox runs`: list, show, follow, cancel and retry runs, through the same GraphQL as the UI."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

import typer

from scheduler_defs import tags
from scheduler_defs.cli.options import AsJson, RunId
from scheduler_defs.cli.runs.output import output_command
from scheduler_defs.cli.terminal.connection import graphql
from scheduler_defs.cli.terminal.output import (
    here,
    local_time,
    print_json,
    print_line,
    print_record,
    print_table,
)
from scheduler_defs.errors import SignalboxError

app = typer.Typer(help="List, show, follow, cancel and retry runs; show what they printed.")
app.command("output")(output_command)

STATUSES = ("NOT_STARTED", "QUEUED", "STARTING", "STARTED", "CANCELING", "SUCCESS", "FAILURE", "CANCELED")


@app.command("list")
def list_command(
    schedule: Annotated[str | None, typer.Option(help="Only runs of this schedule.")] = None,
    job: Annotated[str | None, typer.Option(help="Only runs of this job.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only runs for tasks of this agent queue.")] = None,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATUSES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest runs first."""
    from scheduler_defs.graphql.runs import list_runs

    if status is not None and status.upper() not in STATUSES:
        raise SignalboxError(f"--status {status!r}: allowed are {', '.join(STATUSES)}")
    wanted = {tags.SCHEDULE: schedule, tags.AGENT: agent, tags.QUEUE: queue}
    found = list_runs(
        graphql(),
        with_tags={key: value for key, value in wanted.items() if value is not None},
        statuses=(status.upper(),) if status else (),
        job=job,
        limit=limit,
    )
    if as_json:
        print_json(found)
        return
    print_table(
        ("RUN", "JOB", "SCHEDULE", "STATUS", "TRIGGER", "ATTEMPT", here("CREATED"), "SECONDS", "ERROR"),
        [
            (
                run["run_id"][:8],
                run["job"],
                run["schedule"],
                run["status"],
                run["trigger"],
                f"{run['attempt']}/{run['max_attempts']}",
                local_time(run["created"]),
                seconds_between(run["started"], run["ended"]),
                run["error"] or run["failure"],
            )
            for run in found
        ],
        empty="no runs",
    )


@app.command("show")
def show_command(run_id: RunId, as_json: AsJson = False) -> None:
    """One run: its facts, what it waits for while it is queued, and the last lines that it printed."""
    from scheduler_defs.cli.runs.waiting import waits_for
    from scheduler_defs.graphql.outputs import last_lines
    from scheduler_defs.graphql.runs import find_run

    client = graphql()
    run = find_run(client, run_id)
    run["waits_for"] = waits_for(run["run_id"]) if run["status"] == "QUEUED" else None
    run["output"] = last_lines(client, run["run_id"], 20)
    if as_json:
        print_json(run)
        return
    printed = run.pop("output")
    print_record(run)
    for stream, lines in printed.items():
        if lines:
            print_line("")
            print_line(f"last lines of {stream}:")
            for line in lines:
                print_line(line)


@app.command("follow")
def follow_command(
    run_id: RunId,
    as_json: Annotated[
        bool, typer.Option("--json/--text", help="Lines of JSON, or of text.")
    ] = not sys.stdout.isatty(),
) -> None:
    """The run's events as they come, until it ends."""
    from scheduler_defs.graphql.runs import find_run, follow

    client = graphql()
    full_id = find_run(client, run_id)["run_id"]
    for event in follow(client, full_id, pause=lambda: time.sleep(0.5)):
        if as_json:
            sys.stdout.write(json.dumps(event) + "\n")
            sys.stdout.flush()
        else:
            error = f" {event['error']}" if event["error"] else ""
            print_line(f"{local_time(event['time'])}  {event['type']:<24}  {event['message']}{error}")


@app.command("cancel")
def cancel_command(run_id: RunId, as_json: AsJson = False) -> None:
    """End a queued, starting or running run, or call off the next attempt of a failed one."""
    from scheduler_defs.acting.runs.control import end_run
    from scheduler_defs.graphql.runs import find_run

    client = graphql()
    answer = end_run(client, find_run(client, run_id))
    print_json(answer) if as_json else print_table(("RUN", "STATUS"), [tuple(answer.values())], empty="")


@app.command("retry")
def retry_command(run_id: RunId, as_json: AsJson = False) -> None:
    """Launch a run that has ended once more, with the same config."""
    from scheduler_defs.acting.runs.control import retry_run
    from scheduler_defs.graphql.runs import find_run

    client = graphql()
    answer = retry_run(client, find_run(client, run_id))
    print_json(answer) if as_json else print_table(("RUN", "STATUS"), [tuple(answer.values())], empty="")


def seconds_between(start: str | None, end: str | None) -> str:
    """Length of a run for a table, in seconds; empty while it is not known."""
    import datetime as dt

    if not start or not end:
        return ""
    length = dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)
    return f"{length.total_seconds():.1f}"
