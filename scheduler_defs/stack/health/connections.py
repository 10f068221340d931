"""A database that has no connection left: who has them, and how many to allow."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import psutil

from scheduler_defs.stack.machine.environment import STACK_ID

# What Postgres says, in any language: the client library gives no code for a connection that was refused.
_SAYS = ("too many clients already", "remaining connection slots", "too many connections for")
# What each process may open when it is busy: its pool for Dagster's storages and our tables.
_EACH_PROCESS = 12
_SPARE = 20


def is_exhausted(detail: str) -> bool:
    """Whether the text of a refused connection says that there is none left."""
    return any(words in detail for words in _SAYS)


def exhausted(url: str, stack_id: str) -> str:
    """One line: how many connections of this stack are open on this host, and how many to allow for it."""
    held, processes = count(url, stack_id)
    allow = processes * _EACH_PROCESS + _SPARE
    return (
        f"the database has no connection left; {held} are held by this stack's {processes} processes on this "
        f"host. Allow for {allow} (max_connections of Postgres, or the limit of the role)"
    )


def count(url: str, stack_id: str) -> tuple[int, int]:
    """Connections of the stack's processes on this host to the database, and how many processes there are.

    Asked of the machine, since the database cannot be asked.
    """
    port = urlsplit(url).port or 5432
    held = processes = 0
    for process in _own(stack_id):
        try:
            if process.name() == "postgres":
                # The embedded server has one child for each connection, which says so in its title.
                held += sum(1 for child in process.children() if "[local]" in " ".join(child.cmdline()))
                continue
            processes += 1
            held += sum(
                1 for item in process.net_connections("tcp") if item.raddr and item.raddr.port == port
            )
        except (psutil.Error, OSError):
            continue
    return held, processes


def _own(stack_id: str) -> Iterable[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(STACK_ID) == stack_id:
                yield process
        except (psutil.Error, OSError):
            continue
