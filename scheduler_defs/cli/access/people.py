"""`signalbox people`: who logs in with a password (`access: {mode: password}`)."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.connection import database_engine
from scheduler_defs.cli.terminal.declarations import load_declared
from scheduler_defs.cli.terminal.output import print_json, print_table, say

app = typer.Typer(help="Add, list and remove people who log in with a password.")

Name = Annotated[str, typer.Argument(help="What the person is called; grants name it.")]


@app.command("add")
def add_command(name: Name) -> None:
    """A new person. The password is asked for, or read as one line where no terminal is."""
    from scheduler_defs.access import people
    from scheduler_defs.access.table import of_person

    people.add(database_engine(), name, _password())
    roles = sorted({str(grant.role) for grant in of_person(name, load_declared().access.grants).grants})
    say(
        f"{name} can log in as {', '.join(roles)}."
        if roles
        else f"{name} has no role yet: access.grants names none."
    )


@app.command("password")
def password_command(name: Name) -> None:
    """Another password; every login of the person ends."""
    from scheduler_defs.access import people

    people.set_password(database_engine(), name, _password())
    say(f"{name} has a new password, and is logged out everywhere.")


@app.command("remove")
def remove_command(name: Name) -> None:
    """Forget the person, and end every login."""
    from scheduler_defs.access import people

    people.remove(database_engine(), name)
    say(f"{name} can log in no more.")


@app.command("log-out")
def log_out_command(name: Name) -> None:
    """End every login of a person, also of one who logs in at an OpenID Connect provider."""
    from scheduler_defs.access import people

    ended = people.end_logins(database_engine(), name)
    say(f"{name} is logged out: {ended} login(s) ended." if ended else f"{name} was not logged in.")


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Who can log in, with which roles, and who did when."""
    from scheduler_defs.access import people
    from scheduler_defs.access.table import of_person

    grants = load_declared().access.grants
    found = [
        {**each, "roles": sorted({str(grant.role) for grant in of_person(each["name"], grants).grants})}
        for each in people.people(database_engine())
    ]
    if as_json:
        print_json(found)
        return
    print_table(
        ("NAME", "ROLES", "CREATED", "LAST LOGIN"),
        [(each["name"], ", ".join(each["roles"]), each["created"], each["last_login"]) for each in found],
        empty="no people",
    )


def _password() -> str:
    if sys.stdin.isatty():
        return typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\n")
