"""`signalbox up`, `down`, `status` and `env`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler_defs import settings
from scheduler_defs.cli.folders import ConfigOption, StateOption, choose_folders
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import here, local_time, print_json, print_table, print_text, say
from scheduler_defs.errors import SignalboxError

LOOPBACK = "127.0.0.1"
_FEWEST_SLOTS, _MOST_SLOTS = 2, 8


def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when everything is ready.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of the UI: that of last time, else 3000 or the next free one; 0: any.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address that the UI listens on.")] = LOOPBACK,
    without_login: Annotated[
        bool, typer.Option("--without-login", help="Whoever reaches a --host beyond loopback may do all.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Slots for runs, and as many for steps; by default the cores."),
    ] = None,
    queues: Annotated[
        str | None,
        typer.Option(help="Celery queues of runs that are served here; by default all that are declared."),
    ] = None,
    small: Annotated[
        bool,
        typer.Option("--small", help="A quarter less memory: Python processes are forked from one (Linux)."),
    ] = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Start Postgres, the broker, Dagster and the workers, and keep them running until Ctrl-C or `down`."""
    from scheduler_defs.stack.components.plan import Options
    from scheduler_defs.stack.supervising import running

    where = _folders(config, state)
    slots = workers or max(_FEWEST_SLOTS, min(_MOST_SLOTS, os.cpu_count() or 1))
    served = tuple(name.strip() for name in queues.split(",") if name.strip()) if queues else None
    options = Options(host, port, slots, served, without_login, small)
    if detach:
        found = running.detach(where, options)
        say(f"Ready: {found.ui}  (supervisor pid {found.pid}; stop it with `signalbox down`)")
        faults = [item for item in found.components if item.state != "healthy"]
        for item in faults:
            say(f"problem: {item.name}: {item.detail}")
        if faults:
            raise SystemExit(1)
        return
    announcement = running.Announcement.from_environment()
    try:
        running.run(where, options, announcement)
    except SignalboxError as error:
        announcement.say(str(error))
        raise


def down(config: ConfigOption = None, state: StateOption = None) -> None:
    """End every process of the stack, within ten seconds."""
    from scheduler_defs.stack.supervising import running

    where = _folders(config, state)
    say("Stopped." if running.down(where) else f"No stack runs on {where.state}.")


def status(
    as_json: AsJson = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Ask every component whether it is well. Exit 0 when all are, 1 when one is not, 3 without a stack."""
    from scheduler_defs.stack.health.status import document

    found = document(_folders(config, state))
    if as_json:
        print_json(found)
    else:
        _print(found)
    if not found["healthy"]:
        raise SystemExit(1)


def env(config: ConfigOption = None, state: StateOption = None) -> None:
    """Print exports for a shell: `eval "$(signalbox env)"`, then Dagster's own tools talk to the stack."""
    from scheduler_defs.stack.health.status import running_stack
    from scheduler_defs.stack.machine.environment import shell

    print_text(shell(running_stack(_folders(config, state)).exports))


def _folders(config: Path | None, state: Path | None) -> settings.Settings:
    choose_folders(config, state)
    return settings.settings()


def _print(found: dict[str, Any]) -> None:
    say(f"{'healthy' if found['healthy'] else 'NOT HEALTHY'}  {found['ui']}")
    print_table(
        ("COMPONENT", "STATE", "PID", here("SINCE"), "RESTARTS", "ADDRESS", "DETAIL"),
        [
            (
                c["name"],
                c["state"],
                c["pid"],
                local_time(c["since"]),
                c["restarts"],
                c["address"],
                c["detail"],
            )
            for c in found["components"]
        ],
        empty="",
    )
    print_table(
        ("WORKER", "HOST", "PID", "QUEUES", "SLOTS", "BUSY", "HEARTBEAT"),
        [
            (w["id"], w["host"], w["pid"], ", ".join(w["queues"]), w["slots"], w["busy"], w["heartbeat"])
            for w in found["workers"]
        ],
        empty="no worker",
    )
    for problem in found["problems"]:
        say(f"problem: {problem}")
