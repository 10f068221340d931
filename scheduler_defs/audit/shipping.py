"""Checkpoints to where the stack's own machine cannot take them back: any folder, or a bucket with a lock.

Nothing leaves the machine unless a destination is declared (`audit: {checkpoints: [{to: ...}]}`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from scheduler_defs.atomic import write_atomically
from scheduler_defs.audit.chain import Problem
from scheduler_defs.audit.checkpoints import Checkpoint, all_in, parse, write
from scheduler_defs.errors import SignalboxError
from scheduler_defs.private import make_private

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client  # pyright: ignore[reportMissingImports]

BUCKET = "s3://"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where checkpoints go: a folder, or `s3://bucket/prefix`.

    In a bucket each is locked in `mode` (GOVERNANCE, COMPLIANCE) until it is `retain` old. Credentials are
    those that boto3 finds.
    """

    address: str
    mode: str = "GOVERNANCE"
    retain: dt.timedelta = dt.timedelta(days=365)

    @property
    def is_bucket(self) -> bool:
        """Whether it is an S3 bucket."""
        return self.address.startswith(BUCKET)

    @property
    def bucket(self) -> tuple[str, str]:
        """Bucket and prefix."""
        bucket, _, prefix = self.address.removeprefix(BUCKET).partition("/")
        return bucket, f"{prefix.rstrip('/')}/" if prefix else ""


def ship(destination: Destination, checkpoint: Checkpoint, now: dt.datetime) -> None:
    """Put a checkpoint there. Doing it again is harmless. Raises SignalboxError with the reason."""
    if not destination.is_bucket:
        try:
            write(Path(destination.address).expanduser(), checkpoint)
        except OSError as error:
            raise SignalboxError(f"{destination.address}: {error.strerror or error}") from error
        return
    bucket, prefix = destination.bucket
    with _told(destination):
        _client().put_object(
            Bucket=bucket,
            Key=prefix + checkpoint.name,
            Body=checkpoint.dumped(),
            ContentType="application/json",
            ChecksumAlgorithm="SHA256",  # a put with a lock must carry one
            ObjectLockMode=destination.mode,
            ObjectLockRetainUntilDate=now + destination.retain,
        )


class Declared(Protocol):
    """What `audit:` says of one place."""

    @property
    def to(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def retain(self) -> dt.timedelta: ...


def destinations(declared: Iterable[Declared]) -> list[Destination]:
    """The places that are declared."""
    return [Destination(each.to, each.mode, each.retain) for each in declared]


def ship_new(places: Iterable[Destination], folder: Path, now: dt.datetime) -> int:
    """Bring every checkpoint in `folder`/checkpoints to where it has not been brought; how many that was.

    What has been brought is noted in `folder`/shipped, after it was: killed in between, it is brought again.
    One place that does not take it keeps no other from being served. Raises SignalboxError with the first.
    """
    sent = 0
    faults: list[SignalboxError] = []
    for place in places:
        noted = folder / "shipped" / hashlib.sha256(place.address.encode()).hexdigest()[:32]
        try:
            newest = int(noted.read_text()) if noted.exists() else 0
            for checkpoint in all_in(folder / "checkpoints"):
                if checkpoint.sequence > newest:
                    ship(place, checkpoint, now)
                    make_private(noted.parent)
                    write_atomically(noted, f"{checkpoint.sequence}\n")
                    sent += 1
        except SignalboxError as error:
            faults.append(error)
    if faults:
        raise faults[0]
    return sent


def shipped(destination: Destination) -> Iterator[Checkpoint | Problem]:
    """Every checkpoint that is there, oldest first, and what is wrong with how it is kept.

    Wrong is a lock that is absent, of the other mode, or that ends before the checkpoint is `retain` old.
    """
    if not destination.is_bucket:
        yield from all_in(Path(destination.address).expanduser())
        return
    bucket, prefix = destination.bucket
    with _told(destination):
        client = _client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                found = client.get_object(Bucket=bucket, Key=item["Key"])
                try:
                    checkpoint = parse(found["Body"].read())
                except (ValueError, TypeError) as error:
                    yield Problem(None, "unreadable_checkpoint", f"{item['Key']}: {error}")
                    continue
                yield checkpoint
                yield from _lock_problems(destination, checkpoint, found)


def _lock_problems(destination: Destination, checkpoint: Checkpoint, found: Any) -> Iterator[Problem]:
    mode, until = found.get("ObjectLockMode"), found.get("ObjectLockRetainUntilDate")
    if mode is None or until is None:
        yield Problem(checkpoint.sequence, "not_locked", f"{checkpoint.name} in the bucket has no lock")
        return
    if mode != destination.mode:
        said = f"{checkpoint.name} is locked in mode {mode}, declared is {destination.mode}"
        yield Problem(checkpoint.sequence, "wrong_lock_mode", said)
    # The bucket keeps whole seconds.
    wanted = dt.datetime.fromisoformat(checkpoint.at) + destination.retain - dt.timedelta(seconds=1)
    if until < wanted:
        said = f"{checkpoint.name} is kept until {until.isoformat()}, declared is {wanted.isoformat()}"
        yield Problem(checkpoint.sequence, "retained_too_short", said)


class _told:
    """Whatever boto3 raises, as one line with the destination."""

    def __init__(self, destination: Destination) -> None:
        self._address = destination.address

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, SignalboxError) or not isinstance(error, Exception):
            return
        raise SignalboxError(f"{self._address}: {error}") from error


def _client() -> S3Client:
    try:
        import boto3
    except ImportError as error:
        raise SignalboxError("checkpoints into a bucket need boto3: pip install 'signalbox[s3]'") from error
    return boto3.client("s3")
