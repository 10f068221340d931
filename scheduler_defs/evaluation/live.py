"""The evaluator of this process, over the real database."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field

import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.audit.entries import Acting, Action, Channel, Entry
from scheduler_defs.audit.store import record
from scheduler_defs.declarations import normalising
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.evaluation.counting import CountingAlone
from scheduler_defs.evaluation.early_runs import early_runs_of
from scheduler_defs.evaluation.facts.active_runs import ActiveRuns, read_runs
from scheduler_defs.evaluation.facts.late_instants import LateInstants
from scheduler_defs.evaluation.facts.pauses import read_pauses
from scheduler_defs.evaluation.facts.service_start import SERVED_SINCE
from scheduler_defs.evaluation.facts.sharing import SharedReading
from scheduler_defs.evaluation.tick import Evaluator
from scheduler_defs.launching import current_actor
from scheduler_defs.ledger.book import Book
from scheduler_defs.ledger.versions import Version, come_into_force


@dataclass
class InForce:
    """Notes once for each set of declarations that this process serves that it is in force."""

    served_since: dt.datetime = SERVED_SINCE
    _known: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, declarations: Declarations) -> int:
        """The number of the version."""
        with self._lock:
            number = self._known.get(declarations.fingerprint)
            if number is None:
                number = come_into_force(
                    database.engine(),
                    version_of(declarations),
                    at=self.served_since,
                    actor=current_actor(),
                    passed=LateInstants(declarations, self.served_since),
                )
                _sign(number, declarations)
                self._known = {declarations.fingerprint: number}
            return number


_BEFORE = sa.text(
    "SELECT content FROM signalbox.declaration_versions WHERE id < :number ORDER BY id DESC LIMIT 1"
)


def _sign(number: int, declarations: Declarations) -> None:
    """Note in the audit what has come into force, and what it changes: once for each version."""
    found = normalising.content(declarations)
    who = Acting(current_actor(), Channel.FILE, request_id=f"version:{number}")
    with database.engine().begin() as connection:
        before = connection.execute(_BEFORE, {"number": number}).scalar()
        after = {
            "version": number,
            "changes": normalising.changes(before or {}, found),
        }
        record(connection, Entry(Action.DECLARATIONS_IN_FORCE, "declarations:all", after=after, acting=who))


def version_of(declarations: Declarations) -> Version:
    """What is kept of a set of declarations."""
    content = normalising.content(declarations)
    rules = {name: (normalising.digest(rule), rule) for name, rule in normalising.rules(content).items()}
    return Version(normalising.digest(content), content, rules)


in_force = InForce()
"""Of this process."""


def live_evaluator() -> Evaluator:
    """An evaluator that reads the database of this process, sharing what it has read for a second."""
    pauses = SharedReading(lambda: read_pauses(database.engine()))
    runs = ActiveRuns(read_runs)
    return Evaluator(
        runs,
        Book(database.engine),
        pauses,
        lambda schedule: early_runs_of(database.engine(), schedule),
        in_force,
        counting=CountingAlone(database.engine, runs.forget).held,
    )
