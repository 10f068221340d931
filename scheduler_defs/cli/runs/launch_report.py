"""What is shown of a run that a command has just launched."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import typer

from scheduler_defs.cli.terminal.output import print_json, print_table, say

if TYPE_CHECKING:
    from scheduler_defs.graphql.client import GraphQLClient

_SAY_AFTER_SECONDS = 5.0
"""A run that waits this long is said to wait, and for what."""


def report_launch(client: GraphQLClient, answer: dict[str, str], *, wait: bool, as_json: bool) -> None:
    """Print `{run_id, status}`; with `wait`, of the ended run, exiting 1 unless it succeeded.

    A person who waits also sees what the run prints, as it comes, and at the end why it failed.
    """
    if wait:
        if not as_json:
            watch(client, answer["run_id"])
        ended = wait_for_end(client, answer["run_id"])
        answer = {**answer, "run_id": ended["run_id"], "status": ended["status"]}
        if ended["error"] or ended["failure"]:
            say(f"signalbox: run {ended['run_id'][:8]} failed: {ended['error'] or ended['failure']}")
    if as_json:
        print_json(answer)
    else:
        print_table(("RUN", "STATUS"), [(answer["run_id"], answer["status"])], empty="")
    if wait and answer["status"] != "SUCCESS":
        raise typer.Exit(1)


def wait_for_end(client: GraphQLClient, run_id: str) -> dict[str, Any]:
    """Wait until the run has ended and return it."""
    from scheduler_defs.graphql.runs import FINISHED, find_run

    while True:
        run = find_run(client, run_id)
        if run["status"] in FINISHED:
            return run
        time.sleep(0.2)


def watch(client: GraphQLClient, run_id: str) -> None:
    """Show the run's output until it has ended, and why it waits if it does for long."""
    from scheduler_defs.cli.runs.output import show
    from scheduler_defs.cli.runs.waiting import waits_for
    from scheduler_defs.graphql.outputs import output
    from scheduler_defs.graphql.runs import find_run

    began, said = time.monotonic(), False

    def pause() -> None:
        nonlocal said
        time.sleep(0.2)
        if not said and time.monotonic() - began > _SAY_AFTER_SECONDS:
            said = True
            if find_run(client, run_id)["status"] == "QUEUED":
                say(f"signalbox: run {run_id[:8]} is queued: {waits_for(run_id) or 'for a moment'}")

    for piece in output(client, run_id, follow=pause):
        show(piece)
