"""`signalbox budgets`: what agents have used of what they may use."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scheduler_defs.cli.agents.opening import announcing, author, open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import print_json, print_table, say

app = typer.Typer(
    help="Budgets: what agents have used, of how much, and who allows more.", invoke_without_command=True
)


@app.callback()
def budgets(context: typer.Context, as_json: AsJson = False) -> None:
    """Every budget, for each thing that it counts apart."""
    if context.invoked_subcommand is not None:
        return
    from scheduler_defs.acting.agent_queues.budgets import budget_objects

    rows = budget_objects(open_place())
    if as_json:
        print_json(rows)
        return
    print_table(
        ("BUDGET", "COUNTS", "STATE", "USED"),
        [(row["name"], row["counts"], row["state"], _used(row)) for row in rows],
        empty="no budgets are declared",
    )


@app.command("allow")
@announcing
def allow_command(
    name: Annotated[str, typer.Argument(help="The budget.")],
    by: Annotated[str | None, typer.Option(help="Who allows it; by default you.")] = None,
    as_json: AsJson = False,
) -> None:
    """Allow as much again of what is used up."""
    import os

    from scheduler_defs.acting.agent_queues.budgets import allow
    from scheduler_defs.errors import SignalboxError

    if os.environ.get("SIGNALBOX_AGENT"):
        raise SignalboxError("an agent does not allow itself more; people do")
    allowed = allow(open_place(), name, by=author(by))
    if as_json:
        print_json({"name": name, "allowed": allowed})
    else:
        say(f"{name}: as much again for {', '.join(allowed)}")


def _used(row: dict[str, Any]) -> str:
    if row["used"] is None:
        return "counted apart for each"
    limits = row["limits"]
    return ", ".join(f"{row['used'][measure]:,} of {limit:,} {measure}" for measure, limit in limits.items())
