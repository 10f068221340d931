"""`signalbox doctor`: a page of checks, each with what to do."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import asdict

import typer

from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import print_json, print_table


def doctor(as_json: AsJson = False) -> None:
    """Look for what a healthy-looking stack can still suffer from. Exits 1 if a check fails."""
    from scheduler_defs.cli.terminal.connection import database_engine
    from scheduler_defs.cli.terminal.declarations import load_declared
    from scheduler_defs.settings import settings
    from scheduler_defs.upkeep.doctor.checks import Patient, examine

    engine = database_engine()
    patient = Patient(settings(), load_declared(), engine, os.environ, lambda: dt.datetime.now(dt.UTC))
    checks = list(examine(patient))
    ok = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        rows = [(check.name, "ok" if check.ok else "NOT OK", check.detail, check.advice) for check in checks]
        print_table(("CHECK", "", "FOUND", "WHAT TO DO"), rows, empty="")
    if not ok:
        raise typer.Exit(1)
