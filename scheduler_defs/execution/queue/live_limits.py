"""The limits in force now: read from the declarations whenever these change."""

from __future__ import annotations

import logging
from datetime import timedelta

from scheduler_defs.limits import TagLimit, effective_limits
from scheduler_defs.settings import settings

logger = logging.getLogger(__name__)


class LiveLimits:
    """What the loop that lets runs out asks of the coordinator.

    `ageing` is the waiting time that equals one point of priority.
    """

    ageing: timedelta
    _limits: tuple[TagLimit, ...] = ()
    _fingerprint: str | None = None

    def limits(self) -> tuple[TagLimit, ...]:
        """The limits in force now. If the declarations cannot be read at all, those from before stay."""
        from scheduler_defs.declarations import current

        where = settings()
        try:
            declarations = current(where.config, where.state).declarations
        except OSError as error:
            logger.warning("limits stay as they were: %s", error)
            return self._limits
        if declarations.fingerprint != self._fingerprint:
            self._limits = effective_limits(declarations)
            self._fingerprint = declarations.fingerprint
        return self._limits
