"""`signalbox approvals`: what waits for people to agree."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.connection import database_engine
from scheduler_defs.cli.terminal.output import here, local_time, print_json, print_table, say
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from scheduler_defs.access.table import Principal

app = typer.Typer(help="List, approve and deny what waits for people to agree.")

Ids = Annotated[
    list[int], typer.Argument(help="Of approvals, as `approvals list` shows them.", metavar="ID...")
]


@app.command("list")
def list_command(
    everything: Annotated[bool, typer.Option("--all", help="The newest, decided ones included.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is to be decided, oldest first."""
    from scheduler_defs.approvals.reading import newest, waiting
    from scheduler_defs.approvals.wording import whom

    with database_engine().connect() as connection:
        found = newest(connection) if everything else waiting(connection)
    if as_json:
        print_json(found)
        return
    print_table(
        ("ID", "FOR", "RUN", "ASKED BY", here("SINCE"), "UNTIL", "GIVEN", "STATE", "BY WHOM"),
        [
            (
                each["id"],
                f"{each['kind']} {each['name']}",
                each["run_id"][:8],
                each["requested_by"],
                local_time(each["requested"]),
                local_time(each["expires"]) if each["expires"] else "",
                f"{each['given']} of {each['needs']}",
                each["state"],
                whom(each),
            )
            for each in found
        ],
        empty="nothing waits for approval",
    )


@app.command("approve")
def approve_command(ids: Ids, as_json: AsJson = False) -> None:
    """Agree. A run starts when as many people have agreed as it needs."""
    from scheduler_defs.approvals.deciding import approve

    _each(ids, as_json, approve)


@app.command("deny")
def deny_command(
    ids: Ids,
    reason: Annotated[str, typer.Option(help="Why; the run ends with it.")],
    as_json: AsJson = False,
) -> None:
    """Object: the run ends, canceled, with the reason."""
    from scheduler_defs.approvals.deciding import deny

    _each(ids, as_json, lambda engine, key, who: deny(engine, key, who, reason))


def _each(ids: list[int], as_json: bool, decide: Callable[[Engine, int, Principal], dict[str, Any]]) -> None:
    from scheduler_defs.access.table import admin
    from scheduler_defs.launching import current_actor

    if os.environ.get("SIGNALBOX_RUN"):
        raise SignalboxError("a run decides on no approval: that is for people")
    engine, who = database_engine(), admin(current_actor())
    found: list[dict[str, Any]] = []
    try:
        found.extend(decide(engine, key, who) for key in dict.fromkeys(ids))
    finally:  # what was decided before a fault is decided
        if as_json and found:
            print_json(found)
        for each in () if as_json else found:
            more = f": {each['given']} of {each['needs']} have agreed" if each["state"] == "pending" else ""
            say(f"approval {each['id']} for run {each['run_id'][:8]} is {each['state']}{more}")
