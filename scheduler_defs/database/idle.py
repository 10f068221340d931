"""Connections that a pool has not needed for a while go back to the server, where others may need them."""

from __future__ import annotations

import os
import threading
import time
import weakref

import sqlalchemy as sa
from sqlalchemy import event

IDLE_SECONDS = 60.0


class Needed:
    """How many connections of an engine were in use at once since the last look."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = weakref.ref(engine)
        self._most = 0
        event.listen(engine, "checkout", self._note)

    def _note(self, *_: object) -> None:
        engine = self._engine()
        if engine is not None:
            self._most = max(self._most, _in_use(engine))

    def look(self) -> bool:
        """Close idle connections, if more are open than were needed at once. False: the engine is gone."""
        engine = self._engine()
        if engine is None:
            return False
        most, self._most = self._most, _in_use(engine)
        if _open(engine) > most:
            # What is in use is closed when it is given back; the next one is opened when it is needed.
            engine.dispose()
        return True


def give_back_idle(engine: sa.Engine) -> None:
    """Have this process look each minute for connections of `engine` that nobody needs."""
    with _lock:
        _watched.setdefault(os.getpid(), []).append(Needed(engine))
        if os.getpid() not in _threads:
            thread = threading.Thread(target=_look_again_and_again, name="idle connections", daemon=True)
            _threads[os.getpid()] = thread
            thread.start()


_lock = threading.Lock()
_watched: dict[int, list[Needed]] = {}
_threads: dict[int, threading.Thread] = {}
# A thread of the parent may hold the lock while another forks.
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))


def _look_again_and_again() -> None:
    while True:
        time.sleep(IDLE_SECONDS)
        with _lock:
            watched = _watched[os.getpid()]
            watched[:] = [each for each in watched if each.look()]


def _in_use(engine: sa.Engine) -> int:
    pool = engine.pool
    return pool.checkedout() if isinstance(pool, sa.QueuePool) else 0


def _open(engine: sa.Engine) -> int:
    pool = engine.pool
    return pool.checkedout() + pool.checkedin() if isinstance(pool, sa.QueuePool) else 0
