"""`signalbox jobs`: list and launch jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler_defs.cli.options import AsJson, DryRun, JobName, Reason, Set, Wait
from scheduler_defs.cli.runs.launch_report import report_launch
from scheduler_defs.cli.terminal.connection import graphql
from scheduler_defs.cli.terminal.declarations import load_declared, unknown
from scheduler_defs.cli.terminal.output import print_json, print_table
from scheduler_defs.cli.terminal.values import read_settings

app = typer.Typer(help="List and launch jobs.")


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Declared and built-in jobs, and those in Python."""
    from scheduler_defs.acting.runs.jobs import job_rows
    from scheduler_defs.settings import settings

    rows = job_rows(load_declared(), settings().config)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("NAME", "KIND", "QUEUE", "SCHEDULES", "DESCRIPTION"),
        [(r["name"], r["kind"], r["queue"], ", ".join(r["schedules"] or []), r["description"]) for r in rows],
        empty="no jobs",
    )


@app.command("launch")
def launch_command(
    name: JobName,
    set_: Set = None,
    reason: Reason = None,
    directive: Annotated[str | None, typer.Option(help="Directive to run under.")] = None,
    wait: Wait = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Launch a job now."""
    from scheduler_defs import launching
    from scheduler_defs.declarations import BUILTIN_JOBS
    from scheduler_defs.declarations.names import dagster_name
    from scheduler_defs.graphql.runs import launch
    from scheduler_defs.graphql.schedules import instance_jobs

    declarations = load_declared()
    known = {*declarations.jobs, *BUILTIN_JOBS}
    if "/" in name:
        launching.target_of(declarations, name)
    elif name not in known and dagster_name(name) not in instance_jobs(graphql()):
        raise unknown("job", name, known)
    config = read_settings(declarations, name, set_)
    order = launching.for_job(declarations, name, config=config, reason=reason, directive=directive)
    if dry_run:
        print_json({"job": order.job, "run_config": order.run_config, "tags": order.tags})
        return
    client = graphql()
    answer = launch(client, order.job, order.run_config, order.tags)
    report_launch(client, answer, wait=wait, as_json=as_json)
