"""`signalbox jobs`: list and launch jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler_defs.cli.connection import graphql
from scheduler_defs.cli.loaded import declared, unknown
from scheduler_defs.cli.output import print_json, print_table
from scheduler_defs.cli.runs import AsJson, report_launch
from scheduler_defs.cli.values import parse_settings

app = typer.Typer(help="List and launch jobs.")


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Declared and built-in jobs."""
    from scheduler_defs.declarations import BUILTIN_JOBS

    declarations = declared()
    rows = [
        {"name": name, "kind": "built-in", "queue": None, "description": None, "schedules": []}
        for name in sorted(BUILTIN_JOBS)
    ] + [
        {
            "name": job.name,
            "kind": "steps" if job.steps else "command",
            "queue": job.queue,
            "description": job.description,
            "schedules": [],
        }
        for job in declarations.jobs.values()
    ]
    for row in rows:
        row["schedules"] = [s.name for s in declarations.schedules.values() if s.job == row["name"]]
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
    name: Annotated[str, typer.Argument(help="Job name.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="key=value for the job's config; may be repeated.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the run's tags.")] = None,
    directive: Annotated[str | None, typer.Option(help="Directive to run under.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; exit 0 only for success.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be launched.")] = False,
    as_json: AsJson = False,
) -> None:
    """Launch a job now."""
    from scheduler_defs import launching
    from scheduler_defs.declarations import BUILTIN_JOBS
    from scheduler_defs.declarations.names import dagster_name
    from scheduler_defs.graphql.runs import launch
    from scheduler_defs.graphql.schedules import instance_jobs

    declarations = declared()
    known = {*declarations.jobs, *BUILTIN_JOBS}
    if name not in known and dagster_name(name) not in instance_jobs(graphql()):
        raise unknown("job", name, known)
    order = launching.for_job(
        declarations, name, config=parse_settings(set_ or []), reason=reason, directive=directive
    )
    if dry_run:
        print_json({"job": order.job, "run_config": order.run_config, "tags": order.tags})
        return
    client = graphql()
    answer = launch(client, order.job, order.run_config, order.tags)
    report_launch(client, answer, wait=wait, as_json=as_json)
