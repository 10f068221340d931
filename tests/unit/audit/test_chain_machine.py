"""Whatever writers, sealers, retention and crashes do in whatever order: one chain, whole, and nothing lost."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from scheduler_defs.audit import checkpoints, sealing
from scheduler_defs.audit.entries import Acting, Channel, Entry
from scheduler_defs.audit.pruning import prune
from scheduler_defs.audit.sealing import seal
from scheduler_defs.audit.signing import SigningKey
from scheduler_defs.audit.store import record
from scheduler_defs.audit.verifying import Verdict, verify
from scheduler_defs.database.pacing import Pace

NOW = dt.datetime(2030, 3, 1, 12, tzinfo=dt.UTC)
STEPS = ("lock_head", "unsealed", "seal", "move_head")
RESET = """
TRUNCATE signalbox.audit_log;
TRUNCATE signalbox.audit_anchors;
UPDATE signalbox.audit_head SET sequence = 0, hash = repeat('0', 64)
"""


class Killed(Exception):
    """The process is gone in this moment."""


class Machine(RuleBasedStateMachine):
    """Two writers whose transactions interleave, two sealers of which each may die at any step, retention."""

    engine: sa.Engine
    key: SigningKey

    def __init__(self) -> None:
        super().__init__()
        with self.engine.begin() as connection:
            connection.execute(sa.text(RESET))
        self.open: dict[int, tuple[sa.Connection, list[str]]] = {}
        self.written: list[str] = []
        self.cut = 0
        self.number = 0
        self.signed: list[checkpoints.Checkpoint] = []

    def teardown(self) -> None:
        for connection, _ in self.open.values():
            connection.close()

    @rule(writer=st.integers(0, 1), request=st.sampled_from([None, "r1", "r2"]))
    def write(self, writer: int, request: str | None) -> None:
        """One entry more in the writer's open transaction; the same request and subject only once."""
        if request is not None and len(self.open) > (writer in self.open):
            return  # the other writer may hold the same request: this one would wait for it
        self.number += 1
        subject = f"task:{request or self.number}"
        connection, subjects = self.open.get(writer) or (self.engine.connect(), [])
        self.open[writer] = (connection, subjects)
        entry = Entry("task.steered", subject, acting=Acting("ann", Channel.REST, request))
        record(connection, entry)
        if request is None or subject not in (*self.written, *subjects):
            subjects.append(subject)

    @rule(writer=st.integers(0, 1), commits=st.booleans())
    def end(self, writer: int, commits: bool) -> None:
        """It commits, or it dies and its transaction with it."""
        if writer not in self.open:
            return
        connection, subjects = self.open.pop(writer)
        if commits:
            connection.commit()
            self.written += subjects
        connection.close()

    @rule(batch=st.integers(1, 3))
    def seal(self, batch: int) -> None:
        seal(self.engine, batch=batch)

    @rule(step=st.sampled_from(STEPS))
    def sealer_dies(self, step: str) -> None:
        """Right before one of its statements, in the middle of a transaction."""

        def dying(name: str) -> sa.TextClause:
            if name == step:
                raise Killed
            return whole(name)

        whole = sealing.statement
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sealing, "statement", dying)
            with contextlib.suppress(Killed):
                seal(self.engine, batch=2)

    @rule()
    def another_sealer_is_at_work(self) -> None:
        """It holds the head: this one has nothing to do, and does not wait."""
        with self.engine.connect() as other:
            other.execute(sealing.statement("lock_head"))
            assert seal(self.engine) == 0

    @rule()
    def sign(self) -> None:
        with self.engine.connect() as connection:
            made = checkpoints.make(connection, self.key, NOW)
        self.signed += [made] if made is not None else []

    @precondition(lambda self: not self.open)
    @rule(most=st.integers(1, 4))
    def retention_cuts(self, most: int) -> None:
        """Everything that is sealed by now goes; `most`: how many of it a batch takes."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("scheduler_defs.audit.pruning._PAGE", most)
            prune(Pace(self.engine), self.key, NOW, NOW, dry_run=False)
        self.cut = len(self.written)

    @invariant()
    def the_chain_is_whole(self) -> None:
        verdict = self._verified()
        assert verdict.ok, verdict.problems

    @invariant()
    def nothing_is_lost_and_nothing_is_there_twice(self) -> None:
        with self.engine.connect() as connection:
            found = connection.execute(sa.text("SELECT subject FROM signalbox.audit_log")).scalars().all()
        assert sorted(found) == sorted(self.written[self.cut :])

    def _verified(self) -> Verdict:
        with self.engine.connect() as connection:
            return verify(connection, self.key.public, self.signed)


def test_given_any_interleaving_of_writers_sealers_and_crashes_then_the_chain_is_one_and_whole(
    engine: sa.Engine, key: SigningKey
) -> None:
    class Here(Machine):
        pass

    Here.engine, Here.key = engine, key
    run_state_machine_as_test(Here, settings=settings(max_examples=25, stateful_step_count=25, deadline=None))


def test_given_a_sealer_that_would_not_lock_the_head_then_two_of_them_would_fork_the_chain(
    engine: sa.Engine, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the machine above looks for is there to be found."""
    with engine.begin() as connection:
        record(connection, Entry("a", "s:1"), Entry("a", "s:2"))
    seal(engine)
    wrong = hashlib.sha256(b"another chain").hexdigest()
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.audit_head SET hash = :hash"), {"hash": wrong})
    with engine.connect() as connection:
        assert [p.problem for p in verify(connection, key.public, []).problems] == ["forked"]
