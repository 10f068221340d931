"""Where the database is, for whoever opens Dagster's instance: Dagster's own commands and our processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from scheduler_defs import running_stack
from scheduler_defs.errors import NotReachableError
from scheduler_defs.settings import POSTGRES_URL, STATE, settings


class NoStackError(NotReachableError, click.ClickException):
    """Nothing says where the database is. Dagster's commands show it as one line, as ours do."""


def known_address() -> str | None:
    """The database's URL: from the environment, else of the stack that runs on the state folder, else None.

    That stack's other addresses become this process' as well: what it was told itself stays. Without any
    setting the state folder is the one here, or that of the checkout that DAGSTER_HOME names.
    """
    if settings().postgres_url is None:
        running_stack.adopt()
    home = os.environ.get("DAGSTER_HOME")
    if settings().postgres_url is None and home and not os.environ.get(STATE):
        for name, value in running_stack.exports(Path(home) / settings().state.name).items():
            os.environ.setdefault(name, value)
    return settings().postgres_url


def address() -> str:
    """The database's URL. Raises NoStackError."""
    found = known_address()
    if found is None:
        raise NoStackError(
            f"no stack runs on {settings().state}: start one with `make up` (`signalbox up`), "
            f"or set {POSTGRES_URL}"
        )
    return found


def refuse_services_without_stack() -> None:
    """Raise NoStackError at once in the daemon, and in what starts it: `dagster dev` and `dg dev`.

    They would go on without, saying so every few seconds.
    """
    program = Path(sys.argv[0])
    # `dg check` and its like call themselves development commands, too.
    dev = os.environ.get("DAGSTER_IS_DEV_CLI") and "dev" in sys.argv
    if dev or program.name == "dagster-daemon" or program.parent.name == "_daemon":
        address()
