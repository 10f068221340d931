"""Entries in a real database: sealed once, and every kind of tampering found."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs.audit import checkpoints
from scheduler_defs.audit.entries import Acting, Action, Channel, Entry, acting_as
from scheduler_defs.audit.sealing import seal
from scheduler_defs.audit.signing import SigningKey, signing_key
from scheduler_defs.audit.store import Query, read, record, waiting
from scheduler_defs.audit.verifying import verify

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def write(engine: sa.Engine, count: int, *, sealed: bool = True) -> None:
    with engine.begin() as connection:
        record(connection, *(Entry(Action.SCHEDULE_PAUSED, f"schedule:s{n}") for n in range(count)))
    if sealed:
        seal(engine)


def tamper(engine: sa.Engine, statement: str) -> None:
    """As somebody with all rights in the database would."""
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE signalbox.audit_log DISABLE TRIGGER USER"))
        connection.execute(sa.text(statement))


def kinds(engine: sa.Engine, key: SigningKey, *known: checkpoints.Checkpoint) -> list[str]:
    with engine.connect() as connection:
        return [problem.problem for problem in verify(connection, key.public, known).problems]


def checkpoint(engine: sa.Engine, key: SigningKey) -> checkpoints.Checkpoint:
    with engine.connect() as connection:
        made = checkpoints.make(connection, key, NOW)
    assert made is not None
    return made


def test_given_entries_when_sealed_then_the_chain_has_no_holes_and_verifies(
    engine: sa.Engine, key: SigningKey
) -> None:
    write(engine, 7)
    with engine.connect() as connection:
        verdict = verify(connection, key.public, [])
        assert waiting(connection) == (0, None)
    assert (verdict.ok, verdict.entries, verdict.first, verdict.last) == (True, 7, 1, 7)


def test_given_sealing_in_small_batches_then_the_chain_is_the_same_as_in_one(
    engine: sa.Engine, key: SigningKey
) -> None:
    write(engine, 10, sealed=False)
    assert seal(engine, batch=3) == 10
    assert kinds(engine, key) == []


def test_given_many_sealers_and_writers_at_once_then_they_do_not_fork_the_chain(
    engine: sa.Engine, key: SigningKey
) -> None:
    def work() -> None:
        for _ in range(10):
            write(engine, 3)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal(engine)
    with engine.connect() as connection:
        verdict = verify(connection, key.public, [])
    assert (verdict.ok, verdict.entries) == (True, 120)


def test_given_the_same_request_twice_then_one_entry_is_written(engine: sa.Engine) -> None:
    who = Acting("ada", Channel.REST, request_id="r-1")
    with engine.begin() as connection, acting_as(who):
        for _ in range(2):
            record(connection, Entry(Action.RUN_CANCELLED, "run:1"))
    with engine.connect() as connection:
        found = read(connection, Query())
    assert [(entry.actor, entry.channel, entry.request_id) for entry in found] == [("ada", "rest", "r-1")]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE signalbox.audit_log SET actor = 'eve' WHERE id = 1", "DELETE FROM signalbox.audit_log"],
)
def test_given_a_plain_statement_when_it_changes_an_entry_then_the_database_refuses(
    engine: sa.Engine, statement: str
) -> None:
    write(engine, 3)
    with pytest.raises(sa.exc.DBAPIError, match="audit entries are not"), engine.begin() as connection:
        connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE signalbox.audit_log SET actor = 'eve' WHERE sequence = 3", "edited"),
        ("DELETE FROM signalbox.audit_log WHERE sequence = 3", "removed"),
        ("DELETE FROM signalbox.audit_log WHERE sequence > 3", "truncated"),
        (
            "DELETE FROM signalbox.audit_log WHERE sequence > 3;"
            "UPDATE signalbox.audit_head SET sequence = 3,"
            " hash = (SELECT hash FROM signalbox.audit_log WHERE sequence = 3)",
            "truncated",
        ),
        (
            "UPDATE signalbox.audit_log SET sequence = 100 + sequence WHERE sequence IN (2, 3);"
            "UPDATE signalbox.audit_log SET sequence = 105 - sequence WHERE sequence > 100",
            "edited",  # two in each other's place
        ),
        (
            "UPDATE signalbox.audit_log SET sequence = 101 + sequence WHERE sequence > 3;"
            "UPDATE signalbox.audit_log SET sequence = sequence - 100 WHERE sequence > 100;"
            "INSERT INTO signalbox.audit_log (actor, channel, action, subject, sequence, previous, hash)"
            " SELECT 'eve', channel, action, subject, 4, hash, hash FROM signalbox.audit_log WHERE sequence = 3",
            "edited",  # one inserted, and the others moved on
        ),
        (
            "INSERT INTO signalbox.audit_log (actor, channel, action, subject, sequence, previous, hash)"
            " SELECT 'eve', channel, action, subject, 6, hash, hash FROM signalbox.audit_log WHERE sequence = 5",
            "forked",  # one more at the end, of which the head knows nothing
        ),
        ("UPDATE signalbox.audit_head SET hash = repeat('f', 64)", "forked"),
        ("DELETE FROM signalbox.audit_head", "no_head"),
    ],
)
def test_given_tampering_with_all_rights_then_it_is_found(
    engine: sa.Engine, key: SigningKey, statement: str, problem: str
) -> None:
    write(engine, 5)
    known = checkpoint(engine, key)
    tamper(engine, statement)
    assert problem in kinds(engine, key, known)


def test_given_a_checkpoint_of_another_key_then_it_is_refused(
    engine: sa.Engine, key: SigningKey, tmp_path: Path
) -> None:
    write(engine, 2)
    assert kinds(engine, key, checkpoint(engine, signing_key(tmp_path / "eve"))) == ["forged_checkpoint"]


def test_given_a_window_then_both_its_ends_count_and_an_empty_one_is_no_success(
    engine: sa.Engine, key: SigningKey
) -> None:
    write(engine, 4)
    with engine.connect() as connection:
        times = sorted(entry.at for entry in read(connection, Query()))
        part = verify(connection, key.public, [], since=times[1], until=times[2])
        none = verify(connection, key.public, [], since=NOW, until=NOW)
    assert (part.ok, part.entries) == (True, 2)
    assert [problem.problem for problem in none.problems] == ["empty"]


@pytest.mark.attack
def test_given_secrets_and_payloads_then_only_their_traces_are_kept(engine: sa.Engine) -> None:
    entry = Entry(
        Action.TASK_STEERED,
        "task:1",
        after={"payload": {"a": 1}, "note": "password=hunter2hunter2", "big": 2**60, "odd": "a\0b\ud800"},
        reason="token: ghp_abcdefghijklmnop1234",
    )
    with engine.begin() as connection:
        record(connection, entry)
    with engine.connect() as connection:
        (found,) = read(connection, Query())
    after = found.after or {}
    assert set(after["payload"]) == {"bytes", "sha256"}
    assert "hunter2" not in str(after) and "ghp_" not in (found.reason or "")
    assert (after["big"], after["odd"]) == (str(2**60), "a\ufffdb?")
    assert seal(engine) == 1


def test_given_a_key_that_two_make_at_once_then_both_have_the_same(tmp_path: Path) -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(signing_key(tmp_path / "a").public)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8 and len(set(made)) == 1
    assert (tmp_path / "a" / "signing.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
