"""The `signalbox` command. Subcommands import what they need when they run, so that `--help` is instant."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import find_spec
from typing import Annotated, NoReturn

import typer

from scheduler_defs.cli.folders import ConfigOption, StateOption, choose_folders, global_options_first
from scheduler_defs.cli.terminal.completion import COMPLETE
from scheduler_defs.cli.terminal.output import fail
from scheduler_defs.cli.terminal.streams import guard_streams
from scheduler_defs.errors import NotReachableError, SignalboxError

# command -> (module under scheduler_defs.cli, attribute, one line for --help).
# A Typer app becomes a group of subcommands; a function becomes a command.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("init.command", "init", "Make a yard, or carry over another scheduler's."),
    "up": ("stack", "up", "Start the whole stack."),
    "down": ("stack", "down", "Stop it."),
    "status": ("stack", "status", "Health of every component and worker."),
    "open": ("open", "open_command", "Open the UI in a browser."),
    "env": ("stack", "env", "Shell exports that make Dagster's own tools talk to the stack."),
    "check": ("check", "check", "Find every fault in the declarations."),
    "run": ("runs.once", "run", "Run a command once, without a file."),
    "schedules": ("schedules.schedules", "app", "List, show, run, switch and edit schedules."),
    "jobs": ("jobs", "app", "List and launch jobs."),
    "runs": ("runs.runs", "app", "List, show, follow and cancel runs; show what they printed."),
    "limits": ("limits", "limits", "Each limit, its source, its use, and who waits."),
    "plan": ("schedules.plan", "plan", "What differs between the files and the running instance."),
    "apply": ("schedules.plan", "apply", "Make the running instance equal to the files."),
    "prove": ("upkeep.prove", "prove", "Account for every occurrence that was due."),
    "forecast": ("schedules.forecast", "forecast", "What will run when, and where it will pile up."),
    "tasks": ("tasks.tasks", "app", "The agent queues' tasks."),
    "agents": ("agents.agents", "app", "List, show, pause, drain and reconcile agents."),
    "queues": ("agents.queues", "app", "Depth, age and throughput of the agent queues."),
    "quotas": ("agents.quotas", "app", "Quota pools: which are closed, until when, and why."),
    "budgets": ("agents.budgets", "app", "What agents have used of what they may use."),
    "approvals": ("approvals", "app", "List, approve and deny what waits for people to agree."),
    "sessions": ("agents.sessions", "app", "The sessions of the agents' programs."),
    "inbox": ("agents.inbox", "inbox", "What waits for a person."),
    "capacity": ("agents.capacity", "capacity", "Slots that each queue needs."),
    "report": ("agents.report", "app", "Reports on the agents' workload."),
    "alerts": ("alerts", "app", "List channels and rules, test a channel, acknowledge alerts."),
    "doctor": ("upkeep.doctor", "doctor", "Checks of what a healthy-looking stack can still suffer from."),
    "bench": ("bench.command", "bench", "How quick the running stack is: submit, start, finish."),
    "why": ("why", "why", "Why something ran, did not run, waits or failed."),
    "prune": ("upkeep.prune", "prune", "Drop what is older than it is kept."),
    "backup": ("upkeep.backup", "backup", "Dump the whole database into one file."),
    "restore": ("upkeep.backup", "restore", "Replace the whole database by a backup."),
    "upgrade": ("upkeep.backup", "upgrade", "Whether this version can take over the database."),
    "audit": ("upkeep.audit", "app", "Who changed what, and whether the record of it is whole."),
    "tokens": ("access.tokens", "app", "Create, list and revoke API tokens."),
    "people": ("access.people", "app", "Add, list and remove people who log in with a password."),
    "import": ("importing.command", "app", "Bring declarations over from another system."),
    "mcp": ("mcp", "mcp", "Serve MCP on standard input and output, for assistants and agents."),
    "completion": ("terminal.completion", "completion", "Print the completion script of a shell."),
}


def build(argv: list[str]) -> typer.Typer:
    """The program for this command line: the asked subcommand in full, the others as one line of help."""
    app = typer.Typer(
        add_completion=COMPLETE in os.environ,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
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
                app.command(name, cls=getattr(target, "command_class", None))(target)
        else:
            app.command(name, help=help_line)(_listed_only)
    return app


def _listed_only() -> None:
    """Stands for a subcommand in the overview; a command line that names it gets the real one."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"signalbox {version('signalbox')}")
        raise typer.Exit


def root(
    config: ConfigOption = None,
    state: StateOption = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Say the version, and end.")
    ] = False,
) -> None:
    """Timed jobs and agent-task queues on Dagster and Celery."""
    choose_folders(config, state)


def main() -> None:
    """Entry point: every expected error is one line on stderr and a defined exit code."""
    guard_streams()
    argv = global_options_first([_as_utf8(word) for word in sys.argv[1:]])
    try:
        try:
            build(argv or _words_to_complete())(argv, prog_name="signalbox")
        finally:
            sys.stdout.flush()
    except SignalboxError as error:
        fail(error)
    except OSError as error:
        fail(system_said(error))
    except Exception as error:
        fail(database_away(error) or _reraise(error))


def _words_to_complete() -> list[str]:
    """The command line that a shell wants to have completed."""
    if COMPLETE not in os.environ:
        return []
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()


def _as_utf8(word: str) -> str:
    """An argument as its bytes are meant, whatever the locale makes of them."""
    if word.isascii():
        return word
    try:
        return os.fsencode(word).decode("utf-8")
    except UnicodeError:
        return word


def system_said(error: OSError) -> SignalboxError:
    """The one line for what the operating system refused: which file or address, and why."""
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    reason = error.strerror or str(error) or type(error).__name__
    return SignalboxError(f"{name}: {reason}" if name else reason)


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
