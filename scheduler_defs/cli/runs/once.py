"""`signalbox run -- COMMAND`: once, through the stack, without a file."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler_defs import settings, tags
from scheduler_defs.cli.options import AsJson, Reason
from scheduler_defs.cli.runs.launch_report import wait_for_end, watch
from scheduler_defs.cli.terminal.connection import graphql
from scheduler_defs.cli.terminal.output import print_json, say
from scheduler_defs.errors import UsageError

_NO_CODE = 1
"""Of a run that ended without a command's exit code."""


def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="Program and arguments.")],
    timeout: Annotated[str | None, typer.Option(help="End it after this time: 90s, 10m.")] = None,
    queue: Annotated[str | None, typer.Option(help="Celery queue whose workers do it.")] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Run a command once, as a job would, in a folder of its own. Ends with the command's exit code."""
    from scheduler_defs import launching
    from scheduler_defs.declarations.models.declared import Declarations
    from scheduler_defs.graphql.runs import launch
    from scheduler_defs.jobs.commands.one_command import ONE_COMMAND, run_config
    from scheduler_defs.jobs.run_tags import whole_seconds
    from scheduler_defs.timing import parse_duration

    try:
        limit = whole_seconds(parse_duration(timeout)) if timeout else None
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from None
    client = graphql()
    config = run_config(command, settings.settings().state)
    order = launching.for_job(Declarations(), ONE_COMMAND, config=config, reason=reason)
    given = {tags.MAX_RUNTIME: limit, tags.CELERY_QUEUE: queue}
    answer = launch(
        client,
        order.job,
        order.run_config,
        {**order.tags, **{key: value for key, value in given.items() if value}},
    )
    if not as_json:
        watch(client, answer["run_id"])
    ended = wait_for_end(client, answer["run_id"])
    code = 0 if ended["status"] == "SUCCESS" else ended["exit_code"] or _NO_CODE
    if as_json:
        print_json({"run_id": ended["run_id"], "status": ended["status"], "exit_code": code})
    elif ended["failure"] != tags.Failure.EXIT_CODE and code:
        say(f"signalbox: run {ended['run_id'][:8]}: {ended['error'] or ended['status']}")
    raise typer.Exit(code)
