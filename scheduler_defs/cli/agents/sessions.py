"""`signalbox sessions`: the sessions of the agents' programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.agents.opening import announcing, author, open_place
from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.terminal.output import (
    counted,
    here,
    local_time,
    print_json,
    print_record,
    print_table,
    say,
)
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from scheduler_defs.agents.sessions.registry import Session

app = typer.Typer(help="The sessions of the agents' programs: list, show, go on with, forget.")

Id = Annotated[str, typer.Argument(help="The session, as its program names it.")]
By = Annotated[str | None, typer.Option("--by", help="Who does this; default: the user.")]


@app.command("list")
def list_command(
    task: Annotated[int | None, typer.Option(help="Only of this task.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only of this agent.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most this many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """The sessions last seen first. Looking changes nothing."""
    from scheduler_defs.acting.place import transaction
    from scheduler_defs.agents.sessions.registry import sessions

    with transaction(open_place().engine) as connection:
        found = sessions(connection, task_id=task, agent=agent, limit=limit)
    _answer(found, as_json)


@app.command("dump")
def dump_command(as_json: AsJson = True) -> None:
    """All sessions as one JSON document. It renews none."""
    from scheduler_defs.acting.place import transaction
    from scheduler_defs.agents.sessions.registry import sessions

    with transaction(open_place().engine) as connection:
        found = sessions(connection)
    print_json([each.document() for each in found])


@app.command("show")
def show_command(session: Id, as_json: AsJson = False) -> None:
    """One session, with what it has used."""
    shown = _one(session).document()
    if as_json:
        print_json(shown)
    else:
        print_record(shown)


@app.command("resume")
@announcing
def resume_command(
    session: Id,
    text: Annotated[str, typer.Argument(help="What its agent is told.")] = "Go on.",
    by: By = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put its task back into the queue: the same agent goes on where it was, with this text."""
    from scheduler_defs.agents.sessions.resuming import refusal, resume

    place, found = open_place(), _one(session)
    agent = place.declarations.agents.get(found.agent)
    if dry_run:
        if (why := refusal(place.task_queue, found, agent)) is not None:
            raise SignalboxError(f"session {session}: {why}")
    else:
        resume(place.engine, place.task_queue, found, agent, text, by=author(by))
    if as_json:
        print_json({"id": found.id, "task": found.task_id, "agent": found.agent, "resumed": not dry_run})
    else:
        say(f"{found.agent} {'would go' if dry_run else 'goes'} on with task {found.task_id}")


@app.command("prune")
def prune_command(
    older_than: Annotated[str, typer.Option(help="Not seen for so long.")] = "30d",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Forget sessions that nobody has seen for long; says how many, and which."""
    import datetime as dt

    from scheduler_defs.acting.place import transaction
    from scheduler_defs.agents.sessions.registry import prunable, prune
    from scheduler_defs.timing import parse_duration

    try:
        before = dt.datetime.now(dt.UTC) - parse_duration(older_than)
    except ValueError as error:
        raise SignalboxError(f"--older-than: {error}") from None
    with transaction(open_place().engine) as connection:
        chosen = prunable(connection, before)
        gone = chosen if dry_run else prune(connection, chosen, before)
    say(f"{counted(len(gone), 'session')} {'to be forgotten' if dry_run else 'forgotten'}")
    if gone or as_json:
        _answer(gone, as_json)


def _one(id: str) -> Session:
    from scheduler_defs.acting.place import transaction
    from scheduler_defs.agents.sessions.registry import sessions

    with transaction(open_place().engine) as connection:
        found = sessions(connection, id=id, limit=1)
    if not found:
        raise SignalboxError(f"no session {id!r}; `signalbox sessions list` names them")
    return found[0]


def _answer(found: list[Session], as_json: bool) -> None:
    if as_json:
        print_json([each.document() for each in found])
        return
    rows: list[tuple[Any, ...]] = [
        (
            each.id,
            each.task_id,
            each.agent,
            each.cli,
            each.host,
            each.state,
            each.tokens,
            local_time(each.last_seen),
        )
        for each in found
    ]
    print_table(
        ("ID", "TASK", "AGENT", "CLI", "HOST", "STATE", "TOKENS", here("LAST SEEN")),
        rows,
        empty="no sessions",
    )
