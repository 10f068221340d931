"""Whether the audit is whole, held against the signed checkpoints that are kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.audit.chain import Problem
from scheduler_defs.audit.checkpoints import Checkpoint, all_in, load
from scheduler_defs.audit.sealing import seal
from scheduler_defs.audit.shipping import Declared, destinations, shipped
from scheduler_defs.audit.signing import signing_key
from scheduler_defs.audit.verifying import verify


@dataclass(frozen=True)
class Verified:
    """What was found, and against how many checkpoints it was held."""

    document: dict[str, Any]
    """`{ok, entries, first, last, problems}`."""
    problems: tuple[Problem, ...]
    checkpoints: int


def verify_chain(
    engine: sa.Engine,
    folder: Path,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    checkpoint: Path | None = None,
    places: Sequence[Declared] = (),
) -> Verified:
    """Whether an entry was changed, removed, inserted, reordered or cut off.

    `folder`: where the key and the checkpoints are. `checkpoint`: one more, kept elsewhere. `places`: where
    they are declared to be kept; those that are there are read back.
    """
    seal(engine)
    known: list[Checkpoint] = []
    kept: list[Problem] = []
    elsewhere = chain.from_iterable(map(shipped, destinations(places)))
    for found in (*all_in(folder / "checkpoints"), *([load(checkpoint)] if checkpoint else []), *elsewhere):
        if isinstance(found, Problem):
            kept.append(found)
        else:
            known.append(found)
    with engine.connect() as connection:
        verdict = verify(connection, signing_key(folder).public, known, since=since, until=until)
    problems = (*kept, *verdict.problems)
    document = {
        "ok": not problems,
        "entries": verdict.entries,
        "first": verdict.first,
        "last": verdict.last,
        "problems": [asdict(problem) for problem in problems],
    }
    return Verified(document, problems, len(known))
