"""Messages that cannot be read: dropped and logged, so that none of them ends a worker.

Whoever can reach the broker can put anything into its queues: another program that uses a list `runs` in the
same Redis is enough. Kombu and Celery expect their own envelopes, and end the consumer at some others.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from celery.exceptions import InvalidTaskError
from celery.worker.strategy import default

logger = logging.getLogger(__name__)

_SHOWN = 80
_FAULTS = (ValueError, TypeError, LookupError, AttributeError)


def strategy(task: Any, app: Any, consumer: Any, **more: Any) -> Callable[..., None]:
    """Celery's strategy for our tasks, behind a check: what is no call of them is rejected for good."""
    inner = default(task, app, consumer, **more)

    def handle(message: Any, body: Any, *rest: Any, **options: Any) -> None:
        try:
            check(message.payload)
            inner(message, body, *rest, **options)
        except _FAULTS as error:
            # Celery logs it, and takes the message from the broker.
            raise InvalidTaskError(f"no call of {task.name}: {error}") from error

    return handle


def check(payload: object) -> None:
    """Raises ValueError unless it is positional arguments, keyword arguments and options of a call."""
    match payload:
        case [list() as arguments, dict(), *_] if len(arguments) in (1, 2) and isinstance(arguments[0], str):
            return
        case _:
            raise ValueError(f"its body is {str(payload)[:_SHOWN]!r}")


def drop_unreadable_items() -> None:
    """Let a Redis (or Valkey) consumer pass over list items that are no envelopes of kombu's (private API).

    The item is off the list by then. Called once, in a worker's main process.
    """
    from kombu.transport import redis

    read = redis.Channel._brpop_read
    if getattr(read, "__wrapped__", None) is not None:
        return

    @functools.wraps(read)
    def read_or_drop(self: Any, **options: Any) -> bool:
        try:
            return read(self, **options)
        except _FAULTS as error:
            logger.error("a message that cannot be read was dropped: %s: %s", type(error).__name__, error)
            return True

    setattr(redis.Channel, "_brpop_read", read_or_drop)  # noqa: B010 - typed as a method
