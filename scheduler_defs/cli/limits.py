"""`signalbox limits`: each limit, where it comes from, its use, and what waits behind it."""

from __future__ import annotations

from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.connection import database_engine
from scheduler_defs.cli.terminal.declarations import load_declared
from scheduler_defs.cli.terminal.output import print_json, print_table


def limits(as_json: AsJson = False) -> None:
    """Each limit, its source, its use, and who waits.

    The last rows are the slots of live workers, by Celery queue: runs beyond them wait, too.
    """
    from scheduler_defs.acting.limits import limit_objects

    rows = limit_objects(database_engine(), load_declared())
    if as_json:
        print_json(rows)
        return
    print_table(
        ("KEY", "VALUE", "LIMIT", "IN USE", "WAITING", "SOURCE"),
        [(r["key"], r["value"] or "(any)", r["limit"], r["in_use"], r["waiting"], r["source"]) for r in rows],
        empty="no limits are declared, and no worker is live",
    )
