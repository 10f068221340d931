"""What a run request of our location asks for in another one: data, as it stands in a tag of the request."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass, replace

LATEST = "latest"


@dataclass(frozen=True)
class Target:
    """A job of a location, or a selection of its assets.

    `partition`: its name; `latest`; a template for `strftime`; None: that of the period that has ended when
    the run is due, where what is run has partitions at all. `due`: that moment, ISO 8601 with offset.
    `assets`: the keys that a run was for which is tried again.
    """

    location: str
    job: str | None = None
    selection: str | None = None
    partition: str | None = None
    due: str | None = None
    assets: tuple[str, ...] = ()
    again: bool = False
    """Its partition is among its tags, because it is the next attempt of a run."""

    @property
    def name(self) -> str:
        """As it is declared: `LOCATION/JOB` or `LOCATION/SELECTION`."""
        return f"{self.location}/{self.job if self.selection is None else self.selection}"

    def at(self, due: dt.datetime) -> Target:
        """The same for an occurrence."""
        return replace(self, due=due.isoformat())

    def dumped(self) -> str:
        """As text."""
        return json.dumps({key: value for key, value in asdict(self).items() if value})


def parse(text: str) -> Target:
    """Read what `dumped` wrote. Raises ValueError or TypeError for anything else."""
    given = json.loads(text)
    return Target(**{**given, "assets": tuple(given.get("assets", ()))})
