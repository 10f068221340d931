"""The one sealer: entries get their place in the chain, in batches, each in one transaction."""

from __future__ import annotations

import sqlalchemy as sa

from scheduler_defs.audit.chain import entry_hash
from scheduler_defs.audit.store import statement

BATCH = 1000


def seal(engine: sa.Engine, *, batch: int = BATCH) -> int:
    """Seal what is written and not sealed; how many entries that were.

    The row of the chain's head is the lock: with two sealers one does the work, and the other has none.
    Killed in the middle, a batch is sealed whole or not at all.
    """
    sealed = 0
    while True:
        with engine.begin() as connection:
            done = _seal_batch(connection, batch)
        sealed += done
        if done < batch:
            return sealed


def _seal_batch(connection: sa.Connection, batch: int) -> int:
    head = connection.execute(statement("lock_head")).first()
    if head is None:
        return 0
    rows = connection.execute(statement("unsealed"), {"most": batch}).mappings().all()
    if not rows:
        return 0
    sequence, previous = head.sequence, head.hash
    ids: list[int] = []
    sequences: list[int] = []
    before: list[str] = []
    hashes: list[str] = []
    for row in rows:
        sequence += 1
        ids.append(row["id"])
        sequences.append(sequence)
        before.append(previous)
        previous = entry_hash(sequence, previous, dict(row))
        hashes.append(previous)
    connection.execute(
        statement("seal"), {"ids": ids, "sequences": sequences, "previous": before, "hashes": hashes}
    )
    connection.execute(statement("move_head"), {"sequence": sequence, "hash": previous})
    return len(rows)
