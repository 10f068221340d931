"""The evaluator of this process, over the real database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

from scheduler_defs import database
from scheduler_defs.evaluation.anticipated import anticipated
from scheduler_defs.evaluation.condition_memory import ConditionMemory
from scheduler_defs.evaluation.facts import FRESH_SECONDS, Ledger, read_runs
from scheduler_defs.evaluation.memory import HandledOccurrences
from scheduler_defs.evaluation.pauses import read_pauses
from scheduler_defs.evaluation.tick import Evaluator

P = ParamSpec("P")
T = TypeVar("T")


class Shared(Generic[P, T]):
    """What `read` returned, at most a second ago, for all threads that ask: for the same thing."""

    def __init__(self, read: Callable[P, T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._value: tuple[float, T] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            now = time.monotonic()
            if self._value is None or now - self._value[0] > FRESH_SECONDS:
                self._value = (now, self._read(*args, **kwargs))
            return self._value[1]


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
