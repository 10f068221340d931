"""What the stack's own sensor cannot tell, because it is what is away: the daemon, the broker.

The supervisor looks at the components that it minds. Who is told, and whether it is time, a short process
decides (`alarm`): the supervisor lives as long as the stack, and is small.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.machine.record import ComponentRecord, State

LOOKED_AT_SECONDS = 2.0
FIRST_SECONDS = 10.0
"""A component that is started again at once is nobody's concern."""
AGAIN_SECONDS = 15.0
KINDS = {"daemon": "daemon_silent", "valkey": "broker_away", "broker": "broker_away"}
"""What it is called when a component does not answer."""
_AWAY = (State.UNHEALTHY, State.RESTARTING, State.STARTING, State.WAITING)
_log = logging.getLogger(__name__)

Tell = Callable[[str, float | None, str], Awaitable[object]]
"""Of a kind: for how many seconds it is so (None: it is over), and what is known. Raises SignalboxError."""


@dataclass
class Alarms:
    """Notices what is away and what is back; asked again and again with the components as they are."""

    tell: Tell
    clock: Callable[[], float] = time.monotonic
    pending: set[str] = field(default_factory=lambda: set(KINDS.values()))
    """Kinds of which somebody may have been told, by an earlier supervisor as well: so is their end."""
    _since: dict[str, float] = field(default_factory=dict)
    _asked: dict[str, float] = field(default_factory=dict)

    async def look(self, components: Iterable[ComponentRecord]) -> None:
        """Tell what has been so for long enough, and what is over. What cannot be told is tried again."""
        now = self.clock()
        for component in components:
            kind = KINDS.get(component.name)
            if kind is None or component.state in (State.STOPPING, State.STOPPED):
                continue
            if component.state in _AWAY:
                seconds = now - self._since.setdefault(kind, now)
                if seconds >= FIRST_SECONDS and self._due(kind, now):
                    self.pending.add(kind)
                    await self._tell(kind, seconds, component.detail)
            elif component.state is State.HEALTHY:
                self._since.pop(kind, None)
                if kind in self.pending and self._due(kind, now) and await self._tell(kind, None, ""):
                    self.pending.discard(kind)

    def _due(self, kind: str, now: float) -> bool:
        return now - self._asked.get(kind, float("-inf")) >= AGAIN_SECONDS

    async def _tell(self, kind: str, seconds: float | None, detail: str) -> bool:
        self._asked[kind] = self.clock()
        try:
            await self.tell(kind, seconds, detail)
        except SignalboxError as error:
            _log.warning("alarm %s: %s", kind, error)
            return False
        return True


async def keep_looking(alarms: Alarms, components: Callable[[], Iterable[ComponentRecord]]) -> None:
    """For as long as the stack lives."""
    while True:
        await alarms.look(tuple(components()))
        await asyncio.sleep(LOOKED_AT_SECONDS)
