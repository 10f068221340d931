"""Completion in a shell: its script, and the names that it proposes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated

import typer

COMPLETE = "_SIGNALBOX_COMPLETE"
"""Set by the shell while it asks for completions (Typer's rule for the name)."""

MOST = 50
"""Names that are proposed at once."""


class Shell(StrEnum):
    """Shells that completion is known for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell.")]) -> None:
    """Print the completion script of a shell: `eval "$(signalbox completion bash)"`."""
    from typer._completion_shared import get_completion_script

    from scheduler_defs.cli.terminal.output import print_text

    script = get_completion_script(prog_name="signalbox", complete_var=COMPLETE, shell=shell.value)
    print_text(script + "\n")


def _schedules() -> Iterable[str]:
    from scheduler_defs.cli.terminal.declarations import in_force

    return in_force().schedules


def _jobs() -> Iterable[str]:
    from scheduler_defs.cli.terminal.declarations import in_force
    from scheduler_defs.declarations import BUILTIN_JOBS

    return sorted({*in_force().jobs, *BUILTIN_JOBS})


def _runs() -> Iterable[str]:
    from scheduler_defs.cli.terminal.connection import graphql
    from scheduler_defs.graphql.runs import list_runs

    client = graphql()
    client.timeout_seconds = 2
    return (run["run_id"] for run in list_runs(client, limit=MOST))


def beginning(known: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Those that begin with what is typed. Where nobody can be asked nothing is proposed, nor said."""

    def propose(incomplete: str) -> list[str]:
        try:
            return [name for name in known() if name.startswith(incomplete)]
        except Exception:
            return []

    return propose


schedule_names = beginning(_schedules)
job_names = beginning(_jobs)
run_ids = beginning(_runs)
