"""The evaluator of this process, over the real database."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from scheduler_defs import database
from scheduler_defs.evaluation.anticipated import anticipated
from scheduler_defs.evaluation.condition_memory import ConditionMemory
from scheduler_defs.evaluation.facts import FRESH_SECONDS, Ledger, read_runs
from scheduler_defs.evaluation.memory import HandledOccurrences
from scheduler_defs.evaluation.pauses import read_pauses
from scheduler_defs.evaluation.tick import Evaluator

if TYPE_CHECKING:
    from dagster import DagsterInstance

T = TypeVar("T")


class Shared(Generic[T]):
    """What `read` returned, at most a second ago, for all threads that ask."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._value: tuple[float, T] | None = None

    def __call__(self) -> T:
        with self._lock:
            now = time.monotonic()
            if self._value is None or now - self._value[0] > FRESH_SECONDS:
                self._value = (now, self._read())
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


def switched_on(instance: DagsterInstance) -> Mapping[str, dt.datetime]:
    """Since when each schedule is on, by its Dagster name."""
    from dagster._core.definitions.run_request import InstigatorType

    found: dict[str, dt.datetime] = {}
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        started = getattr(state.instigator_data, "start_timestamp", None)
        if started is not None:
            found[state.name] = dt.datetime.fromtimestamp(started, tz=dt.UTC)
    return found
