"""What a run request of our location asks for in another one: data, as it stands in a tag of the request."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

LATEST = "latest"


class NotThereError(Exception):
    """The target does not exist; the message is one line that says what is missing."""


@dataclass(frozen=True)
class Together:
    """Missed occurrences of a schedule that are caught up with at once: one backfill."""

    backfill: str
    """Its id: the same whenever the same occurrences are asked for."""
    dues: tuple[dt.datetime, ...]


def together(schedule: str, since: dt.datetime | None, dues: Iterable[dt.datetime]) -> Together:
    """Those of a schedule that were missed from `since` on."""
    return Together(backfill_id(f"{schedule} {since and since.astimezone(dt.UTC).isoformat()}"), tuple(dues))


def backfill_id(of: str) -> str:
    """The id of a backfill: the same for the same text. Dagster's table takes 32 characters."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"signalbox:backfill:{of}").hex


def run_id_of(backfill: str, partition: str) -> str:
    """The id of the run for a partition that a backfill has besides those of its occurrences."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"signalbox:backfill:{backfill}:{partition}"))


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
    last: int | None = None
    """In place of `partition`: the newest so many, a run for each, in one backfill."""
    backfill: str | None = None
    """The backfill that this is a part of, with what falls due at `dues`, as `due` is written."""
    dues: tuple[str, ...] = ()
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

    @property
    def moment(self) -> dt.datetime:
        """When it is due; for what is asked for by hand: now."""
        return dt.datetime.fromisoformat(self.due) if self.due else dt.datetime.now(dt.UTC)

    def among(self, others: Together | None) -> Target:
        """The same as a part of a backfill."""
        if others is None:
            return self
        return replace(self, backfill=others.backfill, dues=tuple(each.isoformat() for each in others.dues))

    def dumped(self) -> str:
        """As text."""
        return json.dumps({key: value for key, value in asdict(self).items() if value})


def parse(text: str) -> Target:
    """Read what `dumped` wrote. Raises ValueError or TypeError for anything else."""
    given = json.loads(text)
    lists = {key: tuple(given.get(key, ())) for key in ("assets", "dues")}
    return Target(**{**given, **lists})
