"""The one reader: it sees what is new while anybody listens, and wakes those whom it concerns."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import TypeVar

import anyio
import anyio.to_thread

from scheduler_defs.web.events.log import Frame, Log
from scheduler_defs.web.events.watermark import Watermark

TICK_SECONDS = 0.3
_KEPT_PAGES = 256
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Hub:
    """`ending`: whether the server is told to end: then all streams do."""

    def __init__(self, log: Log, *, ending: Callable[[], bool] = lambda: False) -> None:
        self.log = log
        self.ending = ending
        self.events = Watermark(0)
        self.comments = Watermark(0)
        self._listening = 0
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._changed = asyncio.Condition()
        self._of_run: dict[str, int] = {}
        # Many clients want the same page: it is read once.
        self._pages: OrderedDict[tuple[str, int, int], asyncio.Task[list[Frame]]] = OrderedDict()
        self._threads = anyio.CapacityLimiter(4)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """While somebody listens the log is read. The mark is known by the time that this is entered."""
        self._listening += 1
        if self._task is None:
            self._ready.clear()
            self._task = asyncio.create_task(self._read())
        try:
            await self._ready.wait()
            yield
        finally:
            self._listening -= 1

    async def wait(self, seconds: float, news: Callable[[], bool]) -> bool:
        """Until `news` is so, the server ends, or the time is up. Whether it is so."""
        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: news() or self.ending())
            except TimeoutError:
                return False
        return news()

    def of_run(self, run_id: str) -> int:
        """The number of the newest event of the run that has been seen since somebody listens."""
        return self._of_run.get(run_id, 0)

    async def blocking(self, call: Callable[[], _T]) -> _T:
        """Do something that blocks, in one of a few threads."""
        return await anyio.to_thread.run_sync(call, limiter=self._threads)

    async def page(self, of: str, after: int, mark: int, read: Callable[[], list[Frame]]) -> list[Frame]:
        """A page of a log, read once for all who want it."""
        key = (of, after, mark)
        if key not in self._pages:
            self._pages[key] = asyncio.create_task(self._once(read))
            while len(self._pages) > _KEPT_PAGES:
                self._pages.popitem(last=False)
        try:
            return await asyncio.shield(self._pages[key])
        except BaseException:
            self._pages.pop(key, None)
            raise

    async def _once(self, read: Callable[[], list[Frame]]) -> list[Frame]:
        return await self.blocking(read)

    async def _read(self) -> None:
        known: tuple[int, int] | None = None
        while not self.ending():
            try:
                if known is None:
                    known = await self.blocking(self.log.newest)
                    await asyncio.sleep(TICK_SECONDS)  # what has a smaller number is written by then
                    self.events, self.comments = Watermark(known[0]), Watermark(known[1])
                    self._ready.set()
                await self._look()
            except Exception as error:  # the database is away: those who listen wait
                _log.warning("live events: %s", error)
                await self._tell()
            if not self._listening:
                break
            await asyncio.sleep(TICK_SECONDS)
        self._task = None  # whoever comes from now on begins anew
        self._ready.set()
        self._of_run.clear()
        self._pages.clear()
        await self._tell()

    async def _look(self) -> None:
        at = self.events.at, self.comments.at
        events, comments = await self.blocking(lambda: self.log.after(*at))
        now = monotonic()
        mark = self.events.advance((id for id, _ in events), now)
        self.comments.advance(comments, now)
        for id, run_id in events:
            if id <= mark:
                self._of_run[run_id] = id
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
