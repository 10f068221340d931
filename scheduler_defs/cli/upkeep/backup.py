"""`signalbox backup`, `restore` and `upgrade`."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from scheduler_defs import running_stack, settings
from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.terminal.output import local_time, print_json, say
from scheduler_defs.cli.terminal.progress import working
from scheduler_defs.errors import SignalboxError, UsageError


def backup(
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Folder; else backups/ in the state folder."),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            "--schedule", metavar="WHEN", help="Declare that it is done at a cron rule, or every 6h."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --schedule: show what would be declared.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Dump the whole database into one file, from one snapshot; a stack that runs goes on."""
    if schedule is not None:
        from scheduler_defs.cli.upkeep.backup_schedule import schedule_backup

        schedule_backup(schedule, to, dry_run=dry_run, as_json=as_json)
        return
    if dry_run:
        raise UsageError("--dry-run goes with --schedule")
    from scheduler_defs.upkeep.backup.dumping import back_up

    _as_person()
    with _database() as url, working("dumping the database"):
        made = back_up(url, to or settings.settings().state / "backups", dt.datetime.now(dt.UTC))
    if as_json:
        print_json(made.document())
    else:
        say(f"{made.file}: {made.bytes / 1e6:.1f} MB in {made.seconds:.1f} s")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `signalbox backup` wrote.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Replace the whole database by a backup: all of it or nothing. Refused while a stack runs."""
    from scheduler_defs.stack.components.offline import offline_database
    from scheduler_defs.upkeep.backup.restoring import look_into, refuse_in_use
    from scheduler_defs.upkeep.backup.restoring import restore as run

    _as_person()
    where = settings.settings()
    began = time.monotonic()
    if dry_run:
        with _database() as url:
            contents = look_into(url, file)
        seconds = time.monotonic() - began
    else:
        with offline_database(where) as url, working("restoring the database"):
            contents = look_into(url, file)
            refuse_in_use(url)
            seconds = run(url, contents)
    if as_json:
        print_json(contents.document(seconds))
        return
    what = f"{contents.file}: made {local_time(contents.made)}, {contents.tables} tables"
    say(f"{what}; would be restored" if dry_run else f"{what}; restored in {seconds:.1f} s")


def upgrade(
    check: Annotated[bool, typer.Option("--check", help="Say what would be done; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Whether this version can take over the database. `signalbox up` does what is to be done."""
    from scheduler_defs.upkeep.backup.upgrading import outlook

    if not check:
        raise UsageError("`signalbox up` upgrades when it starts; `upgrade --check` says what it would do")
    with _database() as url:
        found = outlook(url, settings.settings().state / "backups", dt.datetime.now(dt.UTC))
    if as_json:
        print_json(found.document())
    else:
        for line in found.lines():
            say(line)
    if not found.ok:
        raise SystemExit(1)


@contextlib.contextmanager
def _database() -> Iterator[str]:
    """The running stack's database, one's own, or that of a folder on which no stack runs."""
    from scheduler_defs.stack.components.offline import offline_database

    running_stack.adopt()
    where = settings.settings()
    if where.postgres_url is not None:
        yield where.postgres_url
    elif not (where.state / "postgres").exists():
        raise SignalboxError(f"{where.state}: there is no database here")
    else:
        with offline_database(where) as url:
            yield url


def _as_person() -> None:
    from scheduler_defs.audit.entries import Acting, Channel, act_as, request_id
    from scheduler_defs.launching import current_actor

    act_as(Acting(current_actor(), Channel.CLI, request_id()))
