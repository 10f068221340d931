"""What an agent queue's sensor remembers from tick to tick."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Memory:
    """What a sensor remembers from tick to tick, in its cursor."""

    swept: str = ""
    observed: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    forgot: str = ""
    cycles: Sequence[Sequence[int]] = ()
    """Rings of blockers that the last pass saw, each from its smallest task back to it."""
    faults: Sequence[str] = ()
    """What a person should mend, as of the last pass, one line each."""
    last: str = ""
    """What the last pass did, for whoever reads the cursor."""

    @classmethod
    def read(cls, cursor: str | None) -> Memory:
        """Begin anew with a cursor that cannot be read, and say so."""
        try:
            found = cls(**json.loads(cursor)) if cursor else cls()
            for stamp in filter(None, (found.swept, found.observed, found.forgot)):
                if dt.datetime.fromisoformat(stamp).tzinfo is None:
                    raise ValueError(f"{stamp} is without its zone")
            if not isinstance(found.numbers, Mapping) or isinstance(found.cycles, str):
                raise TypeError("numbers and cycles are of other types")
            return found
        except (TypeError, ValueError, AttributeError) as error:
            _log.warning("the cursor %.40r cannot be read (%s); it is begun anew", cursor, error)
            return cls()

    def is_past(self, stamp: str, interval: dt.timedelta, now: dt.datetime) -> bool:
        """Whether something was last done that long ago, or never."""
        return not stamp or now - dt.datetime.fromisoformat(stamp) >= interval
