"""The chain: each entry's hash covers its content and the hash before it. Pure.

The content is canonical JSON (RFC 8785), so that anybody can compute the same hash with any tool from an
export. Times are UTC to the microsecond, as the database keeps them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

START = "0" * 64
"""The hash before the first entry."""
CONTENT = ("at", "actor", "channel", "action", "subject", "reason", "request_id", "run_id", "before", "after")
"""The fields that a hash covers, beside the sequence and the hash before."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the chain, and where (None: nowhere in particular)."""

    sequence: int | None
    problem: str
    detail: str


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: everything up to `sequence` has this hash."""

    sequence: int
    hash: str


def entry_hash(sequence: int, previous: str, content: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, over the canonical JSON of an entry that follows `previous`."""
    document: dict[str, Any] = {"sequence": sequence, "previous": previous}
    for name in CONTENT:
        document[name] = content[name]
    document["at"] = canonical_time(content["at"])
    return hashlib.sha256(canonical(document)).hexdigest()


def canonical(document: Mapping[str, Any]) -> bytes:
    """Canonical JSON by RFC 8785.

    Python's own encoder gives the same bytes where there is no float and no key beyond ASCII, at a tenth of
    the time; the library does the rest. (Compared in tests/unit/audit/test_chain.py.)
    """
    if _same_in_python(document):
        return _ENCODER.encode(document).encode("utf-8")
    return rfc8785.dumps(dict(document))


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _same_in_python(value: Any) -> bool:
    if isinstance(value, dict):
        return all(key.isascii() for key in value) and all(map(_same_in_python, value.values()))
    if isinstance(value, list):
        return all(map(_same_in_python, value))
    if isinstance(value, str):
        return True
    # A bool is an int; a large int is refused by the library, with its reason.
    return value is None or (isinstance(value, int) and -(2**53) < value < 2**53)


def canonical_time(at: dt.datetime | str) -> str:
    """UTC with six digits after the second, as in `2026-03-01T08:00:00.000001Z`."""
    if isinstance(at, str):
        at = dt.datetime.fromisoformat(at)
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def problems(
    rows: Iterable[Mapping[str, Any]], start: Link, pinned: Mapping[int, str] | None = None
) -> Iterator[Problem | Link]:
    """Walk sealed entries, which must begin right after `start`; each problem as it is met.

    The last thing given is the `Link` that the walk ended at. `pinned` holds hashes that are known from
    elsewhere (checkpoints) by sequence: an entry that was edited with all its followers is found by them.
    """
    at = start
    for row in rows:
        sequence = row["sequence"]
        if sequence != at.sequence + 1:
            yield _gap(at.sequence, sequence)
        elif row["previous"] != at.hash:
            yield Problem(sequence, "forked", "it does not follow the entry before it")
        computed = entry_hash(sequence, row["previous"], row)
        if computed != row["hash"]:
            yield Problem(sequence, "edited", "its content is not what was sealed")
        elif pinned and pinned.get(sequence, row["hash"]) != row["hash"]:
            yield Problem(sequence, "rewritten", "a signed checkpoint has another hash for it")
        at = Link(sequence, row["hash"])
    yield at


def _gap(before: int, found: int) -> Problem:
    if found <= before:
        return Problem(found, "inserted", f"its place is already taken: {before} came before it")
    missing = f"{before + 1}" if found == before + 2 else f"{before + 1} to {found - 1}"
    return Problem(before + 1, "removed", f"missing: {missing}")
