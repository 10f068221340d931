"""Checkpoints: what the chain was at a moment, signed, kept outside the database.

With one of them nobody can cut off the chain's end or write it anew unnoticed.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.audit.chain import Link, canonical, canonical_time
from scheduler_defs.audit.signing import SigningKey, is_signed
from scheduler_defs.audit.store import statement
from scheduler_defs.errors import SignalboxError

_PATTERN = "checkpoint-*.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Up to `sequence` the chain has this hash. `key`: the public half of the key that signed it."""

    sequence: int
    hash: str
    at: str
    key: str
    signature: str

    @property
    def name(self) -> str:
        """Its file's name: sorts by sequence."""
        return f"checkpoint-{self.sequence:012d}.json"

    @property
    def link(self) -> Link:
        """The place in the chain that it stands for."""
        return Link(self.sequence, self.hash)

    def genuine(self, key: str) -> bool:
        """Whether the key with this public half has signed it."""
        return self.key == key and is_signed(key, signed_content(self.link, self.at), self.signature)

    def dumped(self) -> bytes:
        """As it is written to files and buckets."""
        return canonical(asdict(self)) + b"\n"


def signed_content(link: Link, at: str) -> bytes:
    """What a checkpoint's signature covers."""
    return canonical({"sequence": link.sequence, "hash": link.hash, "at": at})


def make(connection: sa.Connection, key: SigningKey, now: dt.datetime) -> Checkpoint | None:
    """A checkpoint of the chain as it is; None while nothing is sealed."""
    head = connection.execute(statement("head")).one()
    if head.sequence == 0:
        return None
    return sign(Link(head.sequence, head.hash), key, now)


def sign(link: Link, key: SigningKey, now: dt.datetime) -> Checkpoint:
    """A signed checkpoint for a place in the chain."""
    at = canonical_time(now)
    return Checkpoint(link.sequence, link.hash, at, key.public, key.sign(signed_content(link, at)))


def write(folder: Path, checkpoint: Checkpoint) -> Path:
    """Into `folder`, whole or not at all. A checkpoint that is there already is never written over."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / checkpoint.name
    if file.exists():
        return file
    partial = folder / f".{checkpoint.name}.{uuid.uuid4().hex}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(checkpoint.dumped())
        written.flush()
        os.fsync(written.fileno())
    partial.rename(file)
    return file


def load(file: Path) -> Checkpoint:
    """The checkpoint in a file. Raises SignalboxError where there is none."""
    try:
        return parse(file.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise SignalboxError(f"{file}: no checkpoint can be read from it: {error}") from error


def parse(data: bytes) -> Checkpoint:
    """The checkpoint in these bytes. Raises ValueError or TypeError where there is none."""
    document = json.loads(data)
    if not isinstance(document, dict) or not isinstance(document.get("sequence"), int):
        raise ValueError("it is not a JSON object with a sequence")
    return Checkpoint(**document)


def all_in(folder: Path) -> Iterator[Checkpoint]:
    """Every checkpoint in a folder, oldest first. Raises SignalboxError for one that cannot be read."""
    for file in sorted(folder.glob(_PATTERN)):
        yield load(file)
