"""A broker that is away, and one that refuses the login or the queue: the same to a run, which waits."""

from __future__ import annotations

from kombu.exceptions import OperationalError


def is_broker_outage(error: BaseException) -> bool:
    """Whether `error` says that the broker did not take the message, whatever the run is.

    Also a login that it refuses: it is back without its users, or a password was changed. The client's own
    errors are told by their package, so that none of them has to be imported.
    """
    if isinstance(error, OperationalError | OSError):
        return True
    return type(error).__module__.partition(".")[0] in ("amqp", "redis")
