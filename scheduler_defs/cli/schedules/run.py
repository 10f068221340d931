"""`signalbox schedules run`: a run of a schedule's job, now."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler_defs.cli.options import AsJson, DryRun, Reason, ScheduleName, Set, Wait
from scheduler_defs.cli.runs.launch_report import report_launch
from scheduler_defs.cli.terminal.connection import database_engine, graphql
from scheduler_defs.cli.terminal.declarations import declared_schedule, load_declared
from scheduler_defs.cli.terminal.output import print_json
from scheduler_defs.cli.terminal.values import read_settings
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from scheduler_defs.declarations.models.declared import Schedule
    from scheduler_defs.graphql.client import GraphQLClient
    from scheduler_defs.launching import Launch

SOON = dt.timedelta(seconds=5)
"""An occurrence due within this time is left to its tick: clocks of two machines differ."""


def run_command(
    name: ScheduleName,
    set_: Set = None,
    reason: Reason = None,
    force: Annotated[bool, typer.Option("--force", help="Whatever its limits and overlap rule say.")] = False,
    instead: Annotated[
        bool, typer.Option("--instead", help="`at` schedules: in place of the next occurrence.")
    ] = False,
    wait: Wait = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Run it now, also while it is off or paused. The cadence does not move."""
    from scheduler_defs import launching

    declarations = load_declared()
    schedule = declared_schedule(declarations, name)
    config = read_settings(declarations, schedule.job, set_)
    now = dt.datetime.now(dt.UTC)

    def order(due: dt.datetime | None) -> Launch:
        return launching.for_run_now(declarations, schedule, config=config, reason=reason, scheduled_for=due)

    if dry_run:
        launch = order(to_anticipate(schedule, now, ()) if instead else None)
        print_json({"job": launch.job, "run_config": launch.run_config, "tags": launch.tags})
        return
    client = graphql()
    if instead:
        answer = _launch_instead(client, schedule, now, order, force=force)
    else:
        answer = _launch(client, schedule, order(None), force=force)
    report_launch(client, answer, wait=wait, as_json=as_json)


def to_anticipate(schedule: Schedule, now: dt.datetime, taken: Collection[dt.datetime]) -> dt.datetime:
    """The occurrence that a run now stands for: the next that no earlier run stands for.

    Raises SignalboxError when there is none, or when it is due so soon that it runs by itself.
    """
    from scheduler_defs.timing import occurrences

    if schedule.kind != "at":
        raise SignalboxError(f"--instead is for `at` schedules, and {schedule.name} is {schedule.spec!r}")
    coming = occurrences(schedule.timing, now, schedule.policies)
    due = next((each for each in coming if each not in taken), None)
    if due is None:
        raise SignalboxError(f"{schedule.name} has no occurrence to come that --instead could stand for")
    if due - now <= SOON:
        raise SignalboxError(f"{schedule.name} is due at {due.isoformat()}: it runs by itself in a moment")
    return due


def _launch(client: GraphQLClient, schedule: Schedule, order: Launch, *, force: bool) -> dict[str, str]:
    from scheduler_defs.acting.runs.launch import run_now

    return run_now(client, schedule, order, force=force)


def _launch_instead(
    client: GraphQLClient,
    schedule: Schedule,
    now: dt.datetime,
    order: Callable[[dt.datetime | None], Launch],
    *,
    force: bool,
) -> dict[str, str]:
    from scheduler_defs.evaluation.early_runs import LAUNCH_SECONDS, taking

    to_anticipate(schedule, now, ())
    client.timeout_seconds = LAUNCH_SECONDS
    with taking(database_engine(), schedule.name) as taken:
        # The lock may have been waited for.
        due = to_anticipate(schedule, dt.datetime.now(dt.UTC), taken.keys())
        answer = _launch(client, schedule, order(due), force=force)
    return {**answer, "instead_of": due.isoformat()}
