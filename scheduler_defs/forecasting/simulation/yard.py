"""The state of a forecast: which runs go on, which wait for what, and what has been seen so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from operator import attrgetter

from scheduler_defs.forecasting.simulation.gates import Gate, Gates
from scheduler_defs.forecasting.simulation.model import ExpectedRun, Forecast, Planned
from scheduler_defs.forecasting.simulation.record import Seen

_Keys = tuple[str, ...]
_Entry = tuple[int, int, int, int]
"""A waiting run: priority (smallest first), due, schedule, token."""
_NEVER = 1 << 60


class Yard:
    """Give it arrivals in the order of time; it starts, queues and ends runs within the limits."""

    def __init__(
        self, planned: Sequence[Planned], limits: Mapping[str, int], begin: int, end: int, step: int
    ) -> None:
        self._planned = planned
        self._room = dict(limits)
        self._keys = [self._keys_of(each) for each in planned]
        self._durations = [max(1, round(each.duration.total_seconds())) for each in planned]
        self._used = dict.fromkeys(self._room, 0)
        self._tokens = 0
        self._active: list[dict[int, tuple[int, int]]] = [{} for _ in planned]
        """By schedule: runs that go on, token -> (due, start)."""
        self._ends: list[tuple[int, int, int]] = []
        self._waiting: list[dict[int, int]] = [{} for _ in planned]
        """By schedule: waiting runs, token -> due."""
        self._queues: dict[_Keys, list[_Entry]] = {}
        self._held_by: dict[_Keys, str] = {}
        """The full limit at which each queue with waiting runs is looked at again."""
        self._held: dict[str, list[tuple[_Entry, _Keys]]] = {}
        """By limit: heaps of the queues it holds up, with their heads (some out of date)."""
        self._blocked_by: dict[int, str] = {}
        self._gates = Gates(planned)
        self._never = [
            self._gates.never(index) or any(self._room[key] == 0 for key in keys)
            for index, keys in enumerate(self._keys)
        ]
        """By schedule: whether a limit of 0 forbids it for good."""
        self._look_again = _NEVER
        """The moment at which occurrences that wait at a gate are looked at again."""
        self._graces: list[tuple[int, int, int]] = []
        """When they are given up: moment, schedule, due."""
        self._seen = Seen(begin, end, step)

    def _keys_of(self, planned: Planned) -> _Keys:
        keys = tuple(key for key in planned.limits if key in self._room)
        if planned.overlap == "queue":
            own = f"schedule {planned.name}"
            self._room[own] = 1
            keys = (*keys, own)
        return keys

    def arrive(self, index: int, due: int) -> None:
        """A run of this schedule is due now."""
        if self._gates.counting and self._gates.due(index) is not None:
            self._skip(index)
            self._give_up(index, due)
        self._admit(index, due, due)

    def pass_time(self, now: int) -> None:
        """End the runs that end up to now, and start what waited for them."""
        while True:
            end = self._ends[0][0] if self._ends else _NEVER
            given_up = self._graces[0][0] if self._graces else _NEVER
            moment = min(end, given_up, self._look_again)
            if moment > now:
                return
            if moment == end:
                _, index, token = heappop(self._ends)
                if token in self._active[index]:  # else: cancelled
                    self._end(index, token, moment)
                    if self._held_by:
                        self._wake(self._keys[index], moment)
            elif moment == given_up:
                _, index, due = heappop(self._graces)
                if self._gates.due(index) == due:
                    self._skip(index)
                    self._give_up(index, moment)
            else:
                self._look_again = _NEVER
                for index in self._gates.opened():
                    self._admit(index, self._give_up(index, moment), moment)

    def _admit(self, index: int, due: int, now: int) -> None:
        planned, keys = self._planned[index], self._keys[index]
        active, waiting = self._active[index], self._waiting[index]
        overlap = planned.overlap
        if self._never[index] or (
            waiting if overlap == "queue" else overlap == "skip" and (active or waiting)
        ):
            self._skip(index)
            return
        leaving = len(active) + len(waiting) if overlap == "cancel_running" else 0
        if self._gates.counting:
            gate = self._gates.closed(index, leaving)
            if gate is not None:
                self._look_again_later(index, due, now, gate)
                return
            self._gates.entered(index)
        if leaving:
            self._cancel(index, now)
        self._tokens += 1
        blocker = self._full(keys) if keys else None
        if blocker is None:
            self._start(index, due, now, self._tokens)
        else:
            self._queue(index, due, now, self._tokens, blocker)

    def _skip(self, index: int) -> None:
        self._seen.skipped[self._planned[index].name] += 1

    def _look_again_later(self, index: int, due: int, now: int, gate: Gate) -> None:
        planned = self._planned[index]
        self._gates.wait(index, due, gate)
        self._seen.blocked(str(gate), planned.name, now)
        if planned.policies.misfire_grace is not None:
            grace = int(planned.policies.misfire_grace.total_seconds())
            heappush(self._graces, (due + max(1, -(-grace // 60)) * 60, index, due))

    def _give_up(self, index: int, now: int) -> int:
        """The occurrence waits at its gate no longer. When it was due."""
        gate, due = self._gates.give_up(index)
        self._seen.unblocked(str(gate), now, now - due)
        return due

    def result(self, end: int) -> Forecast:
        """What has been seen, once all has arrived and time has passed to the end of the window."""
        seen = self._seen
        seen.advance(end)
        names = [planned.name for planned in self._planned]
        for name, duration, active in zip(names, self._durations, self._active, strict=True):
            seen.runs += [ExpectedRun(name, due, start, start + duration) for due, start in active.values()]
        seen.runs.sort(key=attrgetter("start"))
        waiting = {name: len(tokens) for name, tokens in zip(names, self._waiting, strict=True)}
        for tokens in self._waiting:
            for token, due in tokens.items():
                seen.note_wait(self._blocked_by[token], end - due)
        for index, gate, due in self._gates.all_held():
            waiting[names[index]] += 1
            seen.note_wait(str(gate), end - due)
        return Forecast(
            begin=seen.begin,
            end=end,
            runs=seen.runs,
            skipped=dict(seen.skipped),
            unstarted={name: count for name, count in waiting.items() if count},
            peaks=seen.peaks,
            pileups=seen.pileups,
            step_seconds=seen.step,
            running=seen.running,
            waiting=seen.waiting,
        )

    def _full(self, keys: _Keys) -> str | None:
        for key in keys:
            if self._used[key] >= self._room[key]:
                return key
        return None

    def _start(self, index: int, due: int, now: int, token: int) -> None:
        self._active[index][token] = (due, now)
        heappush(self._ends, (now + self._durations[index], index, token))
        for key in self._keys[index]:
            self._used[key] = used = self._used[key] + 1
            self._seen.peak(key, used, now)
        self._seen.started(now)

    def _end(self, index: int, token: int, now: int) -> None:
        due, start = self._active[index].pop(token)
        for key in self._keys[index]:
            self._used[key] -= 1
        self._gone(index, now)
        self._seen.ended(now, ExpectedRun(self._planned[index].name, due, start, now))

    def _gone(self, index: int, now: int) -> None:
        if self._gates.counting:
            self._gates.left(index)
            if self._gates.held():
                self._look_again = min(self._look_again, now)

    def _queue(self, index: int, due: int, now: int, token: int, blocker: str) -> None:
        keys = self._keys[index]
        queue = self._queues.setdefault(keys, [])
        heappush(queue, (-self._planned[index].priority, due, index, token))
        self._waiting[index][token] = due
        self._blocked_by[token] = blocker
        if queue[0][3] == token:
            self._hold(keys, self._held_by.get(keys, blocker))
        self._seen.blocked(blocker, self._planned[index].name, now)

    def _hold(self, keys: _Keys, limit: str) -> None:
        """The queue is looked at again when this limit, which is full, has room."""
        self._held_by[keys] = limit
        heappush(self._held.setdefault(limit, []), (self._queues[keys][0], keys))

    def _leave(self, index: int, token: int, now: int) -> int:
        """A waiting run waits no longer. When it was due."""
        due = self._waiting[index].pop(token)
        self._seen.unblocked(self._blocked_by.pop(token), now, now - due)
        return due

    def _cancel(self, index: int, now: int) -> None:
        for token in list(self._active[index]):
            self._end(index, token, now)
        for token in list(self._waiting[index]):
            self._leave(index, token, now)
            self._gone(index, now)
            self._skip(index)
        self._settle(self._keys[index])

    def _settle(self, keys: _Keys) -> None:
        """Hold the queue up by its first run that still waits; forget it when none does."""
        queue = self._queues.get(keys, [])
        while queue and queue[0][3] not in self._waiting[queue[0][2]]:
            heappop(queue)
        if queue:
            self._hold(keys, self._full(keys) or self._held_by[keys])
        else:
            self._held_by.pop(keys, None)

    def _wake(self, freed: _Keys, now: int) -> None:
        """Start what waits for the freed limits, by priority and then by due time, while there is room."""
        while True:
            best: tuple[tuple[_Entry, _Keys], str] | None = None
            for limit in freed:
                held = self._held.get(limit)
                if held and self._used[limit] < self._room[limit] and (best is None or held[0] < best[0]):
                    best = held[0], limit
            if best is None:
                return
            (head, keys), limit = best
            heappop(self._held[limit])
            if self._held_by.get(keys) != limit or self._queues[keys][0] != head:
                continue  # out of date: a queue is held again whenever its head or its limit changes
            blocker = self._full(keys)
            if blocker is not None:
                self._hold(keys, blocker)
                continue
            _, _, index, token = heappop(self._queues[keys])
            self._start(index, self._leave(index, token, now), now, token)
            self._settle(keys)
