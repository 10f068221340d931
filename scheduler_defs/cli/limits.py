"""`signalbox limits`: each limit, where it comes from, its use, and what waits behind it."""

from __future__ import annotations

from scheduler_defs.cli.connection import database_engine
from scheduler_defs.cli.loaded import declared
from scheduler_defs.cli.output import print_json, print_table
from scheduler_defs.cli.runs import AsJson


def limits(as_json: AsJson = False) -> None:
    """Each limit, its source, its use, and who waits.

    The last rows are the slots of live workers, by Celery queue: runs beyond them wait, too.
    """
    from dataclasses import asdict

    from sqlalchemy.exc import OperationalError

    from scheduler_defs.errors import NotReachableError
    from scheduler_defs.execution.dequeue_explain import limit_use
    from scheduler_defs.execution.dequeue_read import QueueReader
    from scheduler_defs.execution.terms import terms
    from scheduler_defs.limits import effective_limits

    in_force = effective_limits(declared())
    try:
        with database_engine().connect() as connection:
            state = QueueReader(terms().silence).read(connection, in_force)
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise NotReachableError(f"the database cannot be reached: {reason}") from None
    rows = limit_use(state, in_force)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    print_table(
        ("KEY", "VALUE", "LIMIT", "IN USE", "WAITING", "SOURCE"),
        [(r.key, r.value or "(any)", r.limit, r.in_use, r.waiting, r.source) for r in rows],
        empty="no limits are declared, and no worker is live",
    )
