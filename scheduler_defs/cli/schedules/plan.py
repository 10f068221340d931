"""`signalbox plan` and `signalbox apply`: the files and the running instance, compared and made equal."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.terminal.connection import database_engine, graphql
from scheduler_defs.cli.terminal.declarations import load_declared, missing_elsewhere
from scheduler_defs.cli.terminal.output import print_json, print_table, say
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from scheduler_defs.graphql.plan import Difference

_RELOAD_SECONDS = 60.0


def plan(as_json: AsJson = False) -> None:
    """What differs between the files and the running instance. Exits 1 if anything does."""
    found = [*_differences(), *_missing()]
    _show(found, as_json)
    if found:
        raise typer.Exit(1)


def apply(
    reset_state: Annotated[
        bool, typer.Option("--reset-state", help="Also undo switches and pauses that somebody has set.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make the running instance equal to the files. Doing it again changes nothing."""
    from scheduler_defs.evaluation.facts.pauses import resume
    from scheduler_defs.graphql.client import LOCATION
    from scheduler_defs.graphql.plan import STATE_CHANGES, Change
    from scheduler_defs.graphql.schedules import selector
    from scheduler_defs.graphql.sensors import start_sensor

    found = [d for d in _differences() if reset_state or d.change not in STATE_CHANGES]
    if dry_run or not found:
        _show(found, as_json)
        return
    client = graphql()
    declarations = load_declared()
    if any(d.change not in STATE_CHANGES for d in found):
        client.call("ReloadLocation", location=LOCATION)
    for difference in found:
        if difference.kind == "sensor":
            start_sensor(client, difference.name)
        elif difference.change in (Change.SWITCHED_ON, Change.SWITCHED_OFF):
            client.call("ResetSchedule", selector=selector(declarations.schedules[difference.name]))
        elif difference.change is Change.PAUSED:
            resume(database_engine(), difference.name, now=dt.datetime.now(dt.UTC))
    _wait_until_equal(reset_state)
    _sign(found)
    _show(found, as_json)


def _sign(found: list[Difference]) -> None:
    from scheduler_defs.audit.entries import Action, Entry
    from scheduler_defs.audit.store import record

    changes = [f"{each.kind} {each.name}: {each.change}" for each in found]
    with database_engine().begin() as connection:
        after = {"number": len(changes), "changes": changes}
        record(connection, Entry(Action.APPLIED, "declarations:all", after=after))


def _wait_until_equal(reset_state: bool) -> None:
    from scheduler_defs.graphql.plan import STATE_CHANGES

    deadline = time.monotonic() + _RELOAD_SECONDS
    while left := [d for d in _differences() if reset_state or d.change not in STATE_CHANGES]:
        if time.monotonic() > deadline:
            first = left[0]
            raise SignalboxError(
                f"after {_RELOAD_SECONDS:.0f} s {len(left)} difference(s) are left, the first: "
                f"{first.kind} {first.name}: {first.change}"
            )
        time.sleep(0.5)


def _missing() -> list[Difference]:
    """What schedules and triggers run in other locations, and is not there."""
    from scheduler_defs.graphql.plan import Change, Difference
    from scheduler_defs.settings import settings

    found: list[Difference] = []
    for path, _, message in missing_elsewhere(load_declared(), settings().state):
        kind, _, place = path.partition(".")
        name, _, _ = place.rpartition(".")
        found.append(Difference(kind.removesuffix("s"), name, Change.MISSING, message))
    return found


def _differences() -> list[Difference]:
    from scheduler_defs.evaluation.facts.pauses import read_pauses
    from scheduler_defs.graphql.plan import differences
    from scheduler_defs.graphql.schedules import instance_jobs, instance_states
    from scheduler_defs.graphql.sensors import stopped_sensors

    client = graphql()
    return differences(
        load_declared(),
        instance_states(client),
        instance_jobs(client),
        read_pauses(database_engine()),
        dt.datetime.now(dt.UTC),
        stopped_sensors(client),
    )


def _show(found: list[Difference], as_json: bool) -> None:
    if as_json:
        print_json({"changes": [asdict(difference) for difference in found]})
    elif not found:
        say("the running instance is equal to the files")
    else:
        print_table(
            ("KIND", "NAME", "CHANGE", "DETAIL"),
            [(d.kind, d.name, d.change, d.detail) for d in found],
            empty="",
        )
