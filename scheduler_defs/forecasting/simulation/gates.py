"""`max_global` and `max_per_job` in a forecast: start only while few runs are queued or running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scheduler_defs.forecasting.simulation.model import Planned

_ALL = ""


class Gate(NamedTuple):
    """Open while fewer than `most` runs are active: all runs, or those of one job."""

    counted: str
    """Name of the job; empty: all runs."""
    most: int

    def __str__(self) -> str:
        return f"max_per_job {self.most} of {self.counted}" if self.counted else f"max_global {self.most}"


class Gates:
    """Which schedules may start, and the occurrences that are looked at again when there is room.

    At most one occurrence of a schedule waits at its gate: the next one takes its place.
    """

    def __init__(self, planned: Sequence[Planned]) -> None:
        self._jobs = [each.job for each in planned]
        self._gates = [_gates_of(each) for each in planned]
        self.counting = any(self._gates)
        """False: no schedule has such a limit, and nothing need be counted."""
        self._active: Counter[str] = Counter()
        self._waiting: dict[Gate, dict[int, int]] = {}
        """By closed gate: schedule -> due, in the order in which they came."""
        self._held_at: dict[int, Gate] = {}

    def entered(self, index: int) -> None:
        """A run of the schedule is queued or starts."""
        self._active[_ALL] += 1
        self._active[self._jobs[index]] += 1

    def left(self, index: int) -> None:
        """A run of the schedule has ended, or waits no longer."""
        self._active[_ALL] -= 1
        self._active[self._jobs[index]] -= 1

    def never(self, index: int) -> bool:
        """Whether a limit of 0 forbids the schedule for good."""
        return any(gate.most == 0 for gate in self._gates[index])

    def closed(self, index: int, leaving: int = 0) -> Gate | None:
        """The gate that holds the schedule back now; `leaving` of its active runs make room."""
        for gate in self._gates[index]:
            if self._active[gate.counted] - leaving >= gate.most:
                return gate
        return None

    def wait(self, index: int, due: int, gate: Gate) -> None:
        """The occurrence is looked at again when the gate opens."""
        self._waiting.setdefault(gate, {})[index] = due
        self._held_at[index] = gate

    def due(self, index: int) -> int | None:
        """When the occurrence of the schedule was due that waits, if one does."""
        gate = self._held_at.get(index)
        return None if gate is None else self._waiting[gate][index]

    def give_up(self, index: int) -> tuple[Gate, int]:
        """The occurrence waits no longer. At which gate it waited, and when it was due."""
        gate = self._held_at.pop(index)
        due = self._waiting[gate].pop(index)
        if not self._waiting[gate]:
            del self._waiting[gate]
        return gate, due

    def held(self) -> bool:
        """Whether any occurrence waits."""
        return bool(self._held_at)

    def opened(self) -> Iterator[int]:
        """Schedules whose gate is open, one at a time: what is done with one may close it for the next."""
        for gate in list(self._waiting):
            while gate in self._waiting and self._active[gate.counted] < gate.most:
                yield next(iter(self._waiting[gate]))

    def all_held(self) -> list[tuple[int, Gate, int]]:
        """Every waiting occurrence: schedule, gate, when it was due."""
        return [(index, gate, self._waiting[gate][index]) for index, gate in self._held_at.items()]


def _gates_of(planned: Planned) -> tuple[Gate, ...]:
    gates: list[Gate] = []
    if planned.max_global is not None:
        gates.append(Gate(_ALL, planned.max_global))
    if planned.max_per_job is not None:
        gates.append(Gate(planned.job, planned.max_per_job))
    return tuple(gates)
