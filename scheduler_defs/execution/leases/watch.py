"""Who has not renewed a lease for as long as it lasts: judged by what one process has seen itself.

No clock of the database is asked. A lease is lost when whoever looks at it has seen the same renewal for the
whole length of the lease by its own clock, because then its holder, which counts from before that renewal,
has ended its work. A clock that was set, on whatever host, changes nothing about that.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

_FORGOTTEN_SECONDS = 3600.0


@dataclass(slots=True)
class _Seen:
    mark: Hashable
    looked: float
    silent: float


class LeaseWatch:
    """Remembers the renewals that were seen. Times are instants of `clock.now`."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, _Seen] = {}
        self._swept = 0.0

    def is_lost(self, key: Hashable, mark: Hashable, lasts_seconds: float, now: float) -> bool:
        """Whether `mark`, which changes with every renewal, has been the same for as long as the lease lasts.

        Between two looks no more than half a lease counts: whoever was suspended or frozen itself looks again
        before it judges, so that a holder that slept with it can end its work first.
        """
        self._forget(now)
        seen = self._seen.get(key)
        if seen is None or seen.mark != mark:
            self._seen[key] = _Seen(mark, now, 0.0)
            return False
        seen.silent += min(now - seen.looked, lasts_seconds / 2)
        seen.looked = now
        return seen.silent >= lasts_seconds

    def _forget(self, now: float) -> None:
        if now - self._swept > _FORGOTTEN_SECONDS:
            self._swept = now
            self._seen = {
                key: seen for key, seen in self._seen.items() if now - seen.looked < _FORGOTTEN_SECONDS
            }
