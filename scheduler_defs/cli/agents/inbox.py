"""`signalbox inbox`: what waits for a person."""

from __future__ import annotations

from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import here, local_time, print_json, print_table, say


def inbox(as_json: AsJson = False) -> None:
    """Questions of agents, what has failed for good, occurrences that nothing explains; oldest first."""
    import datetime as dt

    from scheduler_defs.acting.inbox import inbox_objects
    from scheduler_defs.cli.terminal.connection import graphql
    from scheduler_defs.errors import NotReachableError
    from scheduler_defs.upkeep.review.entries import entries

    place = open_place()
    now = dt.datetime.now(dt.UTC)
    try:
        rows = inbox_objects(place, graphql, now, findings=entries)
    except NotReachableError as error:
        rows = inbox_objects(place, None, now, findings=entries)
        say(f"signalbox: runs that have failed are left out: {error}")
    if as_json:
        print_json(rows)
        return
    print_table(
        ("ID", "KIND", "SUBJECT", "ASKED BY", here("SINCE"), "TEXT"),
        [
            (row["id"], row["kind"], row["subject"], row["asked_by"], local_time(row["since"]), row["text"])
            for row in rows
        ],
        empty="nothing waits for a person",
    )
