"""`signalbox runs`: list, show, follow and cancel runs, through the same GraphQL as the UI."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Any

import typer

from scheduler_defs import tags
from scheduler_defs.cli.connection import graphql
from scheduler_defs.cli.output import local_time, print_json, print_table
from scheduler_defs.errors import SignalboxError

app = typer.Typer(help="List, show, follow and cancel runs.")

STATUSES = ("NOT_STARTED", "QUEUED", "STARTING", "STARTED", "CANCELING", "SUCCESS", "FAILURE", "CANCELED")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
        ("RUN", "JOB", "SCHEDULE", "STATUS", "TRIGGER", "ATTEMPT", "CREATED", "SECONDS", "ERROR"),
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
def show_command(
    run_id: Annotated[str, typer.Argument(help="Run id, or the beginning of one.")], as_json: AsJson = False
) -> None:
    """One run."""
    from scheduler_defs.graphql.runs import find_run

    run = find_run(graphql(), run_id)
    if as_json:
        print_json(run)
    else:
        print_table(("FIELD", "VALUE"), [(k, v) for k, v in run.items() if v is not None], empty="")


@app.command("follow")
def follow_command(
    run_id: Annotated[str, typer.Argument(help="Run id, or the beginning of one.")],
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
        else:
            sys.stdout.write(f"{local_time(event['time'])}  {event['type']:<24}  {event['message']}\n")
        sys.stdout.flush()


@app.command("cancel")
def cancel_command(
    run_id: Annotated[str, typer.Argument(help="Run id, or the beginning of one.")], as_json: AsJson = False
) -> None:
    """End a queued, starting or running run, or call off the next attempt of a failed one."""
    from scheduler_defs.graphql.runs import cancel, find_run

    client = graphql()
    run = find_run(client, run_id)
    if run["status"] == "FAILURE" and run["retry_at"]:
        _call_off_retry(run["run_id"])
        answer = {"run_id": run["run_id"], "status": run["status"]}
    else:
        answer = cancel(client, run["run_id"])
    print_json(answer) if as_json else print_table(("RUN", "STATUS"), [tuple(answer.values())], empty="")


def _call_off_retry(run_id: str) -> None:
    from scheduler_defs.errors import NotReachableError
    from scheduler_defs.execution.retries_due import cancel_retry, runs_of
    from scheduler_defs.settings import POSTGRES_URL, settings

    url = settings().postgres_url
    if url is None:
        raise NotReachableError(f"no database: set {POSTGRES_URL}")
    if not cancel_retry(runs_of(url), run_id):
        raise SignalboxError(f"run {run_id} has already ended: FAILURE")


def wait_for_end(client: Any, run_id: str) -> dict[str, Any]:
    """Wait until the run has ended and return it."""
    from scheduler_defs.graphql.runs import FINISHED, find_run

    while True:
        run = find_run(client, run_id)
        if run["status"] in FINISHED:
            return run
        time.sleep(0.2)


def report_launch(client: Any, answer: dict[str, str], *, wait: bool, as_json: bool) -> None:
    """Print `{run_id, status}`; with `wait`, of the ended run, exiting 1 unless it succeeded."""
    if wait:
        ended = wait_for_end(client, answer["run_id"])
        answer = {**answer, "run_id": ended["run_id"], "status": ended["status"]}
    if as_json:
        print_json(answer)
    else:
        print_table(("RUN", "STATUS"), [(answer["run_id"], answer["status"])], empty="")
    if wait and answer["status"] != "SUCCESS":
        raise typer.Exit(1)


def seconds_between(start: str | None, end: str | None) -> str:
    """Length of a run for a table, in seconds; empty while it is not known."""
    import datetime as dt

    if not start or not end:
        return ""
    length = dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)
    return f"{length.total_seconds():.1f}"
