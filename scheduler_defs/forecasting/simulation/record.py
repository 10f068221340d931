"""What a forecast reports, gathered while its time passes."""

from __future__ import annotations

from collections import Counter

from scheduler_defs.forecasting.simulation.model import ExpectedRun, PileUp

_NONE = (0, 0)


class Seen:
    """What the forecast reports, gathered while time passes."""

    def __init__(self, begin: int, end: int, step: int) -> None:
        self.begin, self.step = begin, step
        steps = -(-(end - begin) // step)
        self.running, self.waiting = [0] * steps, [0] * steps
        self.runs: list[ExpectedRun] = []
        self.skipped: Counter[str] = Counter()
        self.peaks: dict[str, tuple[int, int]] = {}
        self.pileups: list[PileUp] = []
        self._open: dict[str, PileUp] = {}
        self._last: dict[str, PileUp] = {}
        self._blocked: Counter[str] = Counter()
        self._going = self._queued = self._at = 0
        self._next_step = begin + step

    def advance(self, now: int) -> None:
        """Note that nothing has changed up to now."""
        here = min((now - self.begin) // self.step, len(self.running) - 1)
        while self._at < here:
            self._at += 1
            self.running[self._at], self.waiting[self._at] = self._going, self._queued
        self._next_step = self.begin + (self._at + 1) * self.step

    def started(self, now: int) -> None:
        """One more run goes on."""
        if now >= self._next_step:
            self.advance(now)
        self._going = going = self._going + 1
        if going > self.running[self._at]:
            self.running[self._at] = going
            self.peak("", going, now)

    def ended(self, now: int, run: ExpectedRun) -> None:
        """One run fewer goes on."""
        if now > self._next_step:
            self.advance(now - 1)
        self._going -= 1
        self.runs.append(run)

    def peak(self, key: str, used: int, now: int) -> None:
        """So many runs count against the limit."""
        if used > self.peaks.get(key, _NONE)[0]:
            self.peaks[key] = used, now

    def blocked(self, limit: str, schedule: str, now: int) -> None:
        """A run of the schedule begins to wait for the limit."""
        if now >= self._next_step:
            self.advance(now)
        self._queued += 1
        self.waiting[self._at] = max(self.waiting[self._at], self._queued)
        if limit not in self._open:
            last = self._last.get(limit)
            if last is None or now - (last.end or now) > self.step:
                last = self._last[limit] = PileUp(limit, now)
                self.pileups.append(last)
            last.end = None
            self._open[limit] = last
        pileup = self._open[limit]
        pileup.schedules[schedule] += 1
        self._blocked[limit] += 1
        pileup.most_waiting = max(pileup.most_waiting, self._blocked[limit])

    def unblocked(self, limit: str, now: int, waited: int) -> None:
        """A run that waited for the limit does so no longer."""
        if now > self._next_step:
            self.advance(now - 1)
        self._queued -= 1
        self.note_wait(limit, waited)
        self._blocked[limit] -= 1
        if not self._blocked[limit]:
            self._open.pop(limit).end = now

    def note_wait(self, limit: str, waited: int) -> None:
        pileup = self._open[limit]
        pileup.longest_wait_seconds = max(pileup.longest_wait_seconds, waited)
