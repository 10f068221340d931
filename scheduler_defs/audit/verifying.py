"""`signalbox audit verify`: walk the chain, and hold it against what was signed outside the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from scheduler_defs.audit.chain import START, Link, Problem, canonical_time, problems
from scheduler_defs.audit.checkpoints import Checkpoint, signed_content
from scheduler_defs.audit.signing import is_signed
from scheduler_defs.audit.store import statement

_FETCHED = 5000
MOST_PROBLEMS = 100
"""After so many the walk ends: a chain that is broken throughout says nothing more."""


@dataclass(frozen=True)
class Verdict:
    """What a walk found. `entries` were looked at, from `first` to `last` (sequences; None: none)."""

    entries: int
    first: int | None
    last: int | None
    problems: Sequence[Problem]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(
    connection: sa.Connection,
    key: str,
    checkpoints: Iterable[Checkpoint],
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> Verdict:
    """Walk the whole chain, or the part of it that a time window covers (both ends included).

    `key` is the public half of the signing key. A window in which nothing was recorded is a problem
    ("empty"), not a success: nothing was verified.
    """
    found: list[Problem] = []
    known: dict[int, str] = {}
    for checkpoint in checkpoints:
        if not checkpoint.genuine(key):
            found.append(Problem(checkpoint.sequence, "forged_checkpoint", "the signature is not of our key"))
        elif known.setdefault(checkpoint.sequence, checkpoint.hash) != checkpoint.hash:
            found.append(Problem(checkpoint.sequence, "forked", "two signed checkpoints differ"))
    window = since is not None or until is not None
    start, last = _bounds(connection, key, since, until, found) if window else _whole(connection, key, found)
    if start is None:
        found.append(Problem(None, "empty", "nothing was recorded in this window: nothing is verified"))
        return Verdict(0, None, None, found)
    walked = _Walk(start)
    for step in problems(walked.count(_rows(connection, start.sequence + 1, last)), start, known):
        if isinstance(step, Link):
            walked.end = step
        else:
            found.append(step)
            if len(found) >= MOST_PROBLEMS:
                break
    if len(found) < MOST_PROBLEMS and not window:
        found.extend(_tail(connection, walked.end, known))
    first = walked.first
    return Verdict(walked.entries, first, walked.end.sequence if walked.entries else None, found)


class _Walk:
    """Counts the rows that pass by."""

    def __init__(self, start: Link) -> None:
        self.entries = 0
        self.first: int | None = None
        self.end = start

    def count(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        for row in rows:
            self.entries += 1
            if self.first is None:
                self.first = row["sequence"]
            yield row


def _whole(connection: sa.Connection, key: str, found: list[Problem]) -> tuple[Link, int]:
    anchor = connection.execute(statement("newest_anchor")).first()
    if anchor is None:
        return Link(0, START), 2**62
    link = Link(anchor.sequence, anchor.hash)
    if not is_signed(key, signed_content(link, canonical_time(anchor.at)), anchor.signature):
        found.append(
            Problem(link.sequence, "forged_anchor", "what retention cut off is not signed by our key")
        )
    return link, 2**62


def _bounds(
    connection: sa.Connection,
    key: str,
    since: dt.datetime | None,
    until: dt.datetime | None,
    found: list[Problem],
) -> tuple[Link | None, int]:
    row = connection.execute(statement("window_bounds"), {"since": since, "until": until}).one()
    if row.first is None:
        return None, 0
    whole, _ = _whole(connection, key, found)
    before = connection.execute(statement("between"), {"first": row.first - 1, "last": row.first - 1}).first()
    if before is not None:
        return Link(before.sequence, before.hash), row.last
    if row.first == whole.sequence + 1:
        return whole, row.last
    found.append(Problem(row.first - 1, "removed", "the entry before the window is missing"))
    first = connection.execute(statement("between"), {"first": row.first, "last": row.first}).one()
    return Link(row.first - 1, first.previous), row.last


def _rows(connection: sa.Connection, first: int, last: int) -> Iterator[Mapping[str, Any]]:
    streaming = connection.execution_options(stream_results=True, max_row_buffer=_FETCHED)
    result = streaming.execute(statement("between"), {"first": first, "last": last})
    for part in result.mappings().partitions(_FETCHED):
        yield from part  # pyright: ignore[reportReturnType]


def _tail(connection: sa.Connection, end: Link, known: Mapping[int, str]) -> Iterator[Problem]:
    head = connection.execute(statement("head")).first()
    newest = max([*known, head.sequence if head else 0])
    if head is None:
        yield Problem(None, "no_head", "the row that says where the chain ends is gone")
    if newest > end.sequence:
        yield Problem(end.sequence + 1, "truncated", f"missing at the end: {end.sequence + 1} to {newest}")
    elif head is not None and (head.sequence, head.hash) != (end.sequence, end.hash):
        yield Problem(end.sequence, "forked", "the chain ends elsewhere than its head says")
