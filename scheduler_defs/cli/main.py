"""The `signalbox` command. Subcommands import what they need when they run, so that `--help` is instant."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from scheduler_defs import settings
from scheduler_defs.cli.output import fail
from scheduler_defs.errors import NotReachableError, SignalboxError

# command -> (module under scheduler_defs.cli, attribute, one line for --help).
# A Typer app becomes a group of subcommands; a function becomes a command.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("stack", "up", "Start the whole stack."),
    "down": ("stack", "down", "Stop it."),
    "status": ("stack", "status", "Health of every component and worker."),
    "env": ("stack", "env", "Shell exports that make Dagster's own tools talk to the stack."),
    "check": ("check", "check", "Find every fault in the declarations."),
    "schedules": ("schedules", "app", "List, show, run, switch and edit schedules."),
    "jobs": ("jobs", "app", "List and launch jobs."),
    "runs": ("runs", "app", "List, show, follow and cancel runs."),
    "limits": ("limits", "limits", "Each limit, its source, its use, and who waits."),
    "plan": ("plan", "plan", "What differs between the files and the running instance."),
    "apply": ("plan", "apply", "Make the running instance equal to the files."),
    "forecast": ("forecast", "forecast", "What will run when, and where it will pile up."),
    "tasks": ("tasks", "app", "The agent queues' tasks."),
    "agents": ("agents", "app", "List, show, pause, drain and reconcile agents."),
    "queues": ("queues", "app", "Depth, age and throughput of the agent queues."),
    "capacity": ("capacity", "capacity", "Slots that each queue needs."),
    "report": ("report", "app", "Reports on the agents' workload."),
    "alerts": ("alerts", "app", "List alert channels and rules; test a channel."),
    "import": ("importing", "app", "Bring declarations over from another system."),
}


GLOBAL_OPTIONS = ("--config", "--state")


def build(argv: list[str]) -> typer.Typer:
    """The program for this command line: the asked subcommand in full, the others as one line of help."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(root)
    asked = COMMANDS.keys() & set(argv)
    for name, (module, attribute, help_line) in COMMANDS.items():
        if find_spec(f"scheduler_defs.cli.{module}") is None:
            continue
        if name in asked:
            target = getattr(importlib.import_module(f"scheduler_defs.cli.{module}"), attribute)
            if isinstance(target, typer.Typer):
                app.add_typer(
                    target,
                    name=name,
                    help=help_line,
                    no_args_is_help=not target.info.invoke_without_command,
                )
            else:
                app.command(name)(target)
        else:
            app.command(name, help=help_line)(_listed_only)
    return app


def _listed_only() -> None:
    """Stands for a subcommand in the overview; a command line that names it gets the real one."""


def root(
    config: Annotated[
        Path | None, typer.Option(help=f"Folder of the declarations (also {settings.CONFIG}).")
    ] = None,
    state: Annotated[Path | None, typer.Option(help=f"Folder of all state (also {settings.STATE}).")] = None,
) -> None:
    """Timed jobs and agent-task queues on Dagster and Celery."""
    choose_folders(config, state)


def global_options_first(argv: list[str]) -> list[str]:
    """`--config` and `--state` mean the same before and after the subcommand."""
    hoisted: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in GLOBAL_OPTIONS:
            hoisted += [word, *(value for _, value in zip(range(1), words, strict=False))]
        elif word.startswith(tuple(f"{option}=" for option in GLOBAL_OPTIONS)):
            hoisted.append(word)
        else:
            rest.append(word)
    return hoisted + rest


def choose_folders(config: Path | None, state: Path | None) -> None:
    """Make `--config` and `--state` count for this process and all that it starts."""
    if config is not None:
        os.environ[settings.CONFIG] = str(config.resolve())
    if state is not None:
        os.environ[settings.STATE] = str(state.resolve())


def main() -> None:
    """Entry point: every expected error is one line on stderr and a defined exit code."""
    argv = global_options_first(sys.argv[1:])
    try:
        build(argv)(argv)
    except SignalboxError as error:
        fail(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:
        fail(database_away(error) or _reraise(error))


def database_away(error: Exception) -> NotReachableError | None:
    """The one line for a database that does not answer; None for any other error."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import OperationalError

    if not isinstance(error, OperationalError):
        return None
    return NotReachableError(f"the database does not answer: {str(error.orig).strip().splitlines()[0]}")


def _reraise(error: Exception) -> NoReturn:
    raise error


if __name__ == "__main__":
    main()
