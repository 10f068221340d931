"""`signalbox prune`."""

from __future__ import annotations

import datetime as dt

from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.terminal.output import print_json, print_table, say
from scheduler_defs.cli.terminal.progress import working


def prune(dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Drop what is older than `retention:` keeps it. Safe to repeat and to interrupt."""
    from scheduler_defs.cli.terminal.connection import database_engine
    from scheduler_defs.cli.terminal.declarations import load_declared
    from scheduler_defs.settings import settings
    from scheduler_defs.upkeep.retention.prune import prune as run

    engine = database_engine()
    with working("counting what is old" if dry_run else "dropping what is old"):
        found = run(engine, load_declared().retention, settings(), dt.datetime.now(dt.UTC), dry_run=dry_run)
    if as_json:
        print_json(found.document())
        return
    would = "Would free" if dry_run else "Freed"
    say(
        f"{would} {found.bytes / 1e6:.1f} MB: {found.runs} runs, {found.events} events,"
        f" {found.artifacts} files; " + ", ".join(f"{number} {kind}" for kind, number in found.others.items())
    )
    print_table(("KEPT, ALTHOUGH OLD", "RUNS"), list(found.kept.items()), empty="")
