"""Webhooks in: what is signed and new is taken once, and of the body only what was declared."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs.acting.runs.triggers import (
    Delivery,
    NotSigned,
    Replayed,
    config_of,
    fire,
    secret_of,
    verified,
)
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.models.triggers import Trigger
from scheduler_defs.errors import NotReachableError, SignalboxError, UsageError
from scheduler_defs.graphql.client import GraphQLClient

SECRET = "between us"
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
YAML = """
jobs:
  deploy: {command: [echo, "{params.commit}"], params: {commit: {type: string}, loud: {type: boolean, default: false}}}
triggers:
  pushed: {secret: HOOK_SECRET, job: deploy, params: {commit: head_commit.id}, config: {loud: true}}
"""
BODY = json.dumps({"head_commit": {"id": "abc"}, "files": ["x"]}).encode()


def declared(folder: Path, text: str = YAML) -> Any:
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "yard.yaml").write_text(text)
    return load(folder / "config")


@pytest.fixture
def declarations(tmp_path: Path) -> Declarations:
    found = declared(tmp_path)
    assert found.problems == ()
    return found.declarations


@pytest.fixture
def trigger(declarations: Declarations) -> Trigger:
    return declarations.triggers["pushed"]


def hexed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def own(body: bytes = BODY, at: dt.datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    seconds = int(at.timestamp())
    return {"x-signalbox-signature": f"t={seconds},v1={hexed(f'{seconds}.'.encode() + body, secret)}"}


def test_both_ways_of_signing_are_taken(trigger: Trigger) -> None:
    assert verified(trigger, SECRET, own(), BODY, NOW).forget is not None
    assert (
        verified(trigger, SECRET, {"x-hub-signature-256": f"sha256={hexed(BODY)}"}, BODY, NOW).forget is None
    )


@pytest.mark.attack
@pytest.mark.parametrize(
    "headers",
    [
        {},
        own(secret="another"),
        own(b"another"),
        own(at=NOW - dt.timedelta(minutes=6)),
        own(at=NOW + dt.timedelta(minutes=6)),
        {"x-signalbox-signature": "t=,v1="},
        {"x-signalbox-signature": f"t={'9' * 40},v1=aa"},
        {"x-signalbox-signature": f"v1={hexed(BODY)}"},
        {"x-hub-signature-256": hexed(BODY)},
        {"x-hub-signature-256": "sha256=é"},
    ],
)
def test_nothing_else_is(trigger: Trigger, headers: Mapping[str, str]) -> None:
    with pytest.raises(NotSigned):
        verified(trigger, SECRET, headers, BODY, NOW)


def test_params_come_from_where_they_were_declared(trigger: Trigger) -> None:
    assert config_of(trigger, BODY) == {"commit": "abc", "loud": True}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"head_commit": {}}', b'{"head_commit": {"id": {"x": 1}}}']
)
def test_a_body_that_has_them_not_is_refused(trigger: Trigger, body: bytes) -> None:
    with pytest.raises(UsageError):
        config_of(trigger, body)


@pytest.mark.attack
def test_without_its_secret_nobody_comes_in(trigger: Trigger) -> None:
    assert secret_of(trigger, {"HOOK_SECRET": "x"}) == "x"
    with pytest.raises(NotReachableError, match="HOOK_SECRET is not set"):
        secret_of(trigger, {"HOOK_SECRET": ""})


class Yard(GraphQLClient):
    """Notes what is launched."""

    def __init__(self) -> None:
        super().__init__("http://nowhere", headers={})
        self.launched: list[dict[str, Any]] = []
        self.refuses = False

    def call(self, operation: str, **variables: object) -> Any:
        if operation == "Runs":
            return {"results": []}
        assert operation == "LaunchRun"
        if self.refuses:
            raise SignalboxError("does not fit")
        self.launched.append(variables)
        return {"run": {"runId": f"run-{len(self.launched)}", "status": "QUEUED"}}


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(migrated_url)
    yield made
    made.dispose()


@pytest.mark.attack
def test_a_request_is_taken_once(engine: sa.Engine, declarations: Declarations, trigger: Trigger) -> None:
    yard = Yard()
    delivery = verified(trigger, SECRET, own(), BODY, NOW)
    delivery = Delivery(delivery.digest, None)
    config = config_of(trigger, BODY)
    assert fire(engine, yard, declarations, trigger, delivery, config)["run_id"] == "run-1"
    with pytest.raises(Replayed, match="run-1"):
        fire(engine, yard, declarations, trigger, delivery, config)
    assert len(yard.launched) == 1


@pytest.mark.attack
def test_one_that_was_refused_may_come_again_and_one_that_was_cut_off_later(
    engine: sa.Engine, declarations: Declarations, trigger: Trigger
) -> None:
    yard, delivery = Yard(), Delivery("digest", None)
    yard.refuses = True
    with pytest.raises(SignalboxError, match="does not fit"):
        fire(engine, yard, declarations, trigger, delivery, {})
    yard.refuses = False
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO signalbox.trigger_deliveries (digest, trigger) VALUES ('cut', 'pushed')")
        )
    with pytest.raises(Replayed, match="being taken"):
        fire(engine, yard, declarations, trigger, Delivery("cut", None), {})
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE signalbox.trigger_deliveries SET taken_at = now() - interval '2 minutes'")
        )
    assert fire(engine, yard, declarations, trigger, Delivery("cut", None), {})["run_id"] == "run-1"
    assert fire(engine, yard, declarations, trigger, delivery, {})["run_id"] == "run-2"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pushed: {secret: HOOK_SECRET, job: nothing}", "triggers.pushed.job"),
        ("pushed: {secret: 'no name', job: deploy}", "triggers.pushed.secret"),
        ("pushed: {job: deploy}", "triggers.pushed"),
        ("pushed: {secret: S, job: deploy, params: {comit: x}}", "did you mean 'commit'"),
        (
            "pushed: {secret: S, job: deploy}\n  other: {secret: S, job: deploy, path: pushed}",
            "is taken by pushed",
        ),
    ],
)
def test_faults_are_told_where_they_are(tmp_path: Path, line: str, said: str) -> None:
    head, _, _ = YAML.partition("triggers:")
    problems = declared(tmp_path, f"{head}triggers:\n  {line}\n").problems
    assert any(said in str(problem) for problem in problems), problems
