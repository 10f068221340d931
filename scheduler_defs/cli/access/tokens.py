"""`signalbox tokens`: API tokens for programs."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.connection import database_engine
from scheduler_defs.cli.terminal.output import print_json, print_table, say
from scheduler_defs.declarations.models.access import Role
from scheduler_defs.errors import UsageError

app = typer.Typer(help="Create, list and revoke API tokens.")

Globs = Annotated[list[str] | None, typer.Option(help="Only what the glob names; may be repeated.")]


@app.command("create")
def create_command(
    name: Annotated[
        str, typer.Argument(help="Whose it is: it shows as token:NAME in runs and in the audit.")
    ],
    role: Annotated[Role, typer.Option(help="What it may do.")],
    expires: Annotated[
        str | None, typer.Option(help="How long it is good, such as 90d; without: for ever.")
    ] = None,
    schedules: Globs = None,
    jobs: Globs = None,
    queues: Globs = None,
    owners: Globs = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it: this once, and never again."""
    from scheduler_defs.access import tokens
    from scheduler_defs.launching import current_actor

    end = None if expires is None else dt.datetime.now(dt.UTC) + _length(expires)
    scope = {
        kind: globs
        for kind, globs in (("schedules", schedules), ("jobs", jobs), ("queues", queues), ("owners", owners))
        if globs
    }
    secret = tokens.create(
        database_engine(), name, role, created_by=current_actor(), expires=end, scope=scope
    )
    if as_json:
        print_json({"name": name, "role": role, "scope": scope, "expires": end, "token": secret})
    else:
        say(f"The token {name}, shown this once; send it as `Authorization: Bearer TOKEN`:")
        typer.echo(secret)


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Each token with its role, its end, and when it was last used. Never the token itself."""
    from scheduler_defs.access import tokens

    found = tokens.tokens(database_engine())
    if as_json:
        print_json(found)
        return
    print_table(
        ("NAME", "ROLE", "OVER", "BY", "CREATED", "EXPIRES", "LAST USED"),
        [
            (
                each["name"],
                each["role"],
                ", ".join(f"{kind} {' '.join(globs)}" for kind, globs in each["scope"].items())
                or "everything",
                each["created_by"],
                each["created"],
                each["expires"],
                each["last_used"],
            )
            for each in found
        ],
        empty="no tokens",
    )


@app.command("revoke")
def revoke_command(
    name: Annotated[str, typer.Argument(help="Name of the token.")], as_json: AsJson = False
) -> None:
    """Let nobody in with it any more: within two seconds."""
    from scheduler_defs.access import tokens

    tokens.revoke(database_engine(), name)
    if as_json:
        print_json({"name": name, "revoked": True})
    else:
        say(f"The token {name} is revoked.")


def _length(text: str) -> dt.timedelta:
    from scheduler_defs.timing import parse_duration

    try:
        found = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--expires: {error}") from None
    if not dt.timedelta(0) < found <= dt.timedelta(days=36_500):
        raise UsageError("--expires must be longer than 0s, and no longer than a century")
    return found
