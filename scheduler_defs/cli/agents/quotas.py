"""`signalbox quotas`: which pools are closed, until when, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler_defs.acting.place import transaction
from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import here, local_time, print_json, print_table, say
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from scheduler_defs.acting.place import Place

app = typer.Typer(help="Quota pools: which are closed, until when, and why.", invoke_without_command=True)

Pool = Annotated[str, typer.Argument(help="The pool; an agent without one has agent:NAME.")]


@app.callback()
def quotas(context: typer.Context, as_json: AsJson = False) -> None:
    """Every pool that agents draw on."""
    if context.invoked_subcommand is not None:
        return
    from scheduler_defs.acting.agent_queues.queues import pool_objects

    rows = pool_objects(open_place())
    if as_json:
        print_json(rows)
        return
    print_table(
        ("POOL", "STATE", here("OPENS"), "AGENTS", "REASON"),
        [
            (row["name"], row["state"], local_time(row["opens"]), ", ".join(row["agents"]), row["reason"])
            for row in rows
        ],
        empty="no agents are declared",
    )


@app.command("open")
def open_command(pool: Pool, as_json: AsJson = False) -> None:
    """Say that a pool takes work again, before the time that it was closed until."""
    import datetime as dt

    from scheduler_defs.agents.quotas.store import reopen
    from scheduler_defs.audit.entries import Action, Entry
    from scheduler_defs.audit.store import record

    place = open_place()
    _known(place, pool)
    with transaction(place.engine) as connection:
        reopen(connection, pool, dt.datetime.now(dt.UTC))
        record(connection, Entry(Action.AGENT_STEERED, f"quota:{pool}", after={"state": "open"}))
    _answer(place, pool, as_json)


@app.command("close")
def close_command(
    pool: Pool,
    until: Annotated[str, typer.Option(help="An instant, or a duration from now: 90m.")],
    reason: Annotated[str, typer.Option(help="Why; shown wherever a task waits for it.")] = "closed by hand",
    as_json: AsJson = False,
) -> None:
    """Let nothing of a pool start before then."""
    import datetime as dt

    from scheduler_defs.agents.deciding.quotas import LONGEST_TOLD, Rejection
    from scheduler_defs.agents.quotas.store import close
    from scheduler_defs.agents.task_queue.new_task import instant
    from scheduler_defs.audit.entries import Action, Entry
    from scheduler_defs.audit.store import record

    place = open_place()
    _known(place, pool)
    now = dt.datetime.now(dt.UTC)
    end = instant(until, now=now)
    if not now < end <= now + LONGEST_TOLD:
        raise SignalboxError(
            f"--until {until}: an instant within the next {LONGEST_TOLD.days} days is wanted"
        )
    with transaction(place.engine) as connection:
        close(connection, pool, Rejection(end, reason), run_id=None, now=now)
        closed = {"state": "closed", "until": end}
        record(connection, Entry(Action.AGENT_STEERED, f"quota:{pool}", after=closed, reason=reason))
    _answer(place, pool, as_json)


def _answer(place: Place, pool: str, as_json: bool) -> None:
    from scheduler_defs.acting.agent_queues.queues import pool_objects

    row = next(row for row in pool_objects(place) if row["name"] == pool)
    if as_json:
        print_json(row)
    else:
        say(f"{pool} is {row['state']}" + (f" until {local_time(row['opens'])}" if row["opens"] else ""))


def _known(place: Place, pool: str) -> None:
    from scheduler_defs.acting.agent_queues.queues import pool_objects

    names = [row["name"] for row in pool_objects(place)]
    if pool not in names:
        raise SignalboxError(f"no quota pool {pool!r}; there are {', '.join(names) or 'none'}")
