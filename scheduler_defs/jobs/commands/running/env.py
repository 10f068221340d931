"""The environment of a command: a small base, what its declaration lists, and facts about its run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import BROKER_URL, POSTGRES_URL

BASE = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL"})
"""Passed to every command, and variables that begin with `LC_`. Nothing in them is a secret."""

NEVER = frozenset({POSTGRES_URL, BROKER_URL})
"""Whoever has these can change the history of every run."""

DEFAULTS = {"PYTHONUNBUFFERED": "1"}
"""Set unless the declaration passes on the worker's own. Python keeps what it prints into a file in a buffer,
which is lost when the program is killed, and is not seen before."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class CommandEnvironment:
    """Variables for a command. `secrets` are the values that its declaration asked for: never repeat them."""

    variables: Mapping[str, str]
    secrets: tuple[str, ...]
    missing: tuple[str, ...]
    """Names that were listed and are not set in the worker."""


def command_environment(
    worker: Mapping[str, str], listed: Iterable[str], facts: Mapping[str, str]
) -> CommandEnvironment:
    """What a command gets from its worker's environment; `facts` about the run win over everything.

    Raises SignalboxError for variables that are never passed.
    """
    wanted = tuple(dict.fromkeys(listed))
    if refused := sorted(NEVER.intersection(wanted)):
        raise SignalboxError(
            f"env: {', '.join(refused)}: Signalbox's own database and broker are not passed on"
        )
    base = {name: value for name, value in worker.items() if name in BASE or name.startswith("LC_")}
    given = {name: worker[name] for name in wanted if name in worker}
    return CommandEnvironment(
        {"PATH": DEFAULT_PATH, **DEFAULTS, **base, **given, **facts},
        secrets=tuple(given.values()),
        missing=tuple(name for name in wanted if name not in worker),
    )
