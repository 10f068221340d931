"""What of the audit is older than it is kept. The chain goes on from a signed anchor, and still verifies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from scheduler_defs.audit.chain import Link
from scheduler_defs.audit.checkpoints import sign
from scheduler_defs.audit.sealing import seal
from scheduler_defs.audit.signing import SigningKey
from scheduler_defs.audit.store import statement
from scheduler_defs.database.pacing import Pace

_PAGE = 2_000


def prune(pace: Pace, key: SigningKey, before: dt.datetime, now: dt.datetime, *, dry_run: bool) -> int:
    """Cut the chain off before the first sealed entry of `before` or later; how many entries that were.

    The anchor is written first, and signed: killed in the middle, the next pass deletes the rest.
    """
    if not dry_run:
        seal(pace.engine)
    with pace.engine.begin() as connection:
        cut = connection.execute(statement("cut"), {"before": before}).first()
        if cut is None:
            anchor = connection.execute(statement("newest_anchor")).first()
            if anchor is None:
                return 0
            cut = anchor
        link = Link(cut.sequence, cut.hash)
        if dry_run:
            return connection.execute(statement("count_through"), {"sequence": link.sequence}).scalar_one()
        made = sign(link, key, now)
        connection.execute(
            statement("add_anchor"),
            {
                "sequence": link.sequence,
                "hash": link.hash,
                "at": dt.datetime.fromisoformat(made.at),
                "signature": made.signature,
            },
        )
    deleted = 0
    while True:
        with pace.engine.connect() as connection:
            wanted = {"sequence": link.sequence, "most": _PAGE}
            sequences = list(connection.execute(statement("next_pruned"), wanted).scalars())
        deleted += sum(pace.each(sequences, _delete))
        if len(sequences) < _PAGE:
            return deleted


def _delete(connection: sa.Connection, sequences: Sequence[int]) -> int:
    return connection.execute(statement("prune"), {"sequences": list(sequences)}).rowcount
