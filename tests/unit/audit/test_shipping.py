"""Checkpoints outside: folders, and buckets with an object lock (moto's S3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from scheduler_defs.audit.chain import Link, Problem
from scheduler_defs.audit.checkpoints import Checkpoint, sign, write
from scheduler_defs.audit.shipping import Destination, ship, ship_new, shipped
from scheduler_defs.audit.signing import SigningKey, signing_key
from scheduler_defs.declarations import load
from scheduler_defs.errors import SignalboxError


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="audit", ObjectLockEnabledForBucket=True)
        yield "s3://audit/yard"


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path)


def made(key: SigningKey, sequence: int, at: dt.datetime) -> Checkpoint:
    return sign(Link(sequence, "a" * 64), key, at)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_given_a_bucket_when_checkpoints_are_shipped_then_they_come_back_locked(
    bucket: str, key: SigningKey
) -> None:
    destination = Destination(bucket, "COMPLIANCE", dt.timedelta(days=30))
    sent = [made(key, sequence, now()) for sequence in (3, 12)]
    for checkpoint in sent:
        ship(destination, checkpoint, now())
    assert list(shipped(destination)) == sent


def test_given_a_lock_that_is_shorter_or_weaker_than_declared_then_both_are_said(
    bucket: str, key: SigningKey
) -> None:
    ship(Destination(bucket, "GOVERNANCE", dt.timedelta(days=1)), made(key, 3, now()), now())
    found = list(shipped(Destination(bucket, "COMPLIANCE", dt.timedelta(days=30))))
    assert [each.problem for each in found if isinstance(each, Problem)] == [
        "wrong_lock_mode",
        "retained_too_short",
    ]


def test_given_a_folder_then_it_holds_what_was_shipped_and_nothing_is_written_over(
    tmp_path: Path, key: SigningKey
) -> None:
    destination = Destination(str(tmp_path / "away"))
    first = made(key, 3, now())
    ship(destination, first, now())
    ship(destination, made(key, 3, now() + dt.timedelta(hours=1)), now())
    assert list(shipped(destination)) == [first]


def test_given_a_bucket_that_does_not_answer_then_one_line_says_which(
    monkeypatch: pytest.MonkeyPatch, key: SigningKey
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with pytest.raises(SignalboxError, match="s3://audit/yard: "):
        ship(Destination("s3://audit/yard"), made(key, 3, now()), now())


def test_given_new_checkpoints_then_each_place_gets_them_once_and_a_bad_place_keeps_none_from_the_others(
    key: SigningKey, tmp_path: Path
) -> None:
    folder = tmp_path / "audit"
    for sequence in (3, 12):
        write(folder / "checkpoints", made(key, sequence, now()))
    (tmp_path / "file").write_text("")
    good, bad = Destination(str(tmp_path / "kept")), Destination(str(tmp_path / "file" / "below"))
    with pytest.raises(SignalboxError, match="below"):
        ship_new([bad, good], folder, now())
    assert [each.sequence for each in shipped(good) if isinstance(each, Checkpoint)] == [3, 12]
    write(folder / "checkpoints", made(key, 20, now()))
    assert ship_new([good], folder, now()) == 1
    assert ship_new([good], folder, now()) == 0
    (tmp_path / "file").unlink()
    assert ship_new([bad, good], folder, now()) == 3


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("{to: here}", "is no folder such as /mnt/audit"),
        ("{to: 's3:///x'}", "no bucket such as s3://bucket/audit"),
        ("{to: /mnt/x, retain: 3d}", "mode and retain go with s3://bucket"),
        ("{to: 's3://b', mode: SOFT}", "GOVERNANCE"),
    ],
)
def test_a_place_that_is_none_is_a_fault(place: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"audit:\n  checkpoints: [{place}]\n")
    (problem,) = load(tmp_path).problems
    assert fault in str(problem)


def test_given_declared_places_then_there_is_a_sensor_that_serves_them(tmp_path: Path) -> None:
    from sensors.audit import NAME, audit_sensors

    (tmp_path / "a.yaml").write_text(
        "audit: {checkpoints: [{to: /mnt/x}, {to: 's3://b/p', mode: COMPLIANCE}]}\n"
    )
    declarations = load(tmp_path).declarations
    assert [(each.to, each.mode, each.retain.days) for each in declarations.audit.checkpoints] == [
        ("/mnt/x", "GOVERNANCE", 365),
        ("s3://b/p", "COMPLIANCE", 365),
    ]
    assert [sensor.name for sensor in audit_sensors(declarations)] == [NAME]
