"""The evaluator of this process, over the real database."""

from __future__ import annotations

from scheduler_defs import database
from scheduler_defs.evaluation.anticipated import anticipated
from scheduler_defs.evaluation.condition_memory import ConditionMemory
from scheduler_defs.evaluation.facts import Ledger, read_runs
from scheduler_defs.evaluation.memory import HandledOccurrences
from scheduler_defs.evaluation.pauses import read_pauses
from scheduler_defs.evaluation.shared import Shared
from scheduler_defs.evaluation.tick import Evaluator


def live_evaluator() -> Evaluator:
    """An evaluator that reads the database of this process, sharing what it has read for a second."""
    pauses = Shared(lambda: read_pauses(database.engine()))
    return Evaluator(
        Ledger(read_runs),
        HandledOccurrences(database.engine),
        ConditionMemory(database.engine),
        pauses,
        lambda schedule: anticipated(database.engine(), schedule),
    )
