"""What a request does to tasks is done once, however often and by how many servers it is carried out.

That it was done is a row under a primary key, in the transaction that does it: a crash leaves both or none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from scheduler_defs.agents.task_queue.postgres.statements import statement


def once(connection: sa.Connection, request: str | None, act: Callable[[], Sequence[int]]) -> list[int]:
    """The ids that `act` gives, or gave when the request was carried out before; None is no such request.

    Of two at once, one waits for the other's commit and then does nothing.
    """
    if request is None:
        return list(act())
    connection.execute(statement("forget_requests"))
    if connection.execute(statement("take_request"), {"request": request}).first() is None:
        return list(connection.execute(statement("known_request"), {"request": request}).scalar_one())
    ids = list(act())
    connection.execute(statement("note_request"), {"request": request, "ids": ids})
    return ids
