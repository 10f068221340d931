"""Options that several commands share, each defined once."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler_defs.cli.terminal.completion import job_names, run_ids, schedule_names

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="Run id, or the beginning of one.", autocompletion=run_ids)
]
ScheduleName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the schedule.", autocompletion=schedule_names)
]
JobName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the job.", autocompletion=job_names)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and change nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; exit 0 only for success.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; noted with it.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the job; may be repeated."),
]
