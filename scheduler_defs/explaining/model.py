"""What an explanation is made of. The command's JSON, REST and the pages show these fields as they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain: `code` for programs, `text` for people, and what it rests on."""

    code: str
    text: str
    since: dt.datetime | str | None = None
    evidence: Any = None


@dataclass(frozen=True, slots=True)
class Coming:
    """What happens next by itself, and when (None: when something else allows it)."""

    what: str
    when: dt.datetime | str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why something is as it is: in order, the first link is the nearest cause."""

    subject: str
    state: str
    because: Sequence[Link] = field(default_factory=tuple)
    next: Coming | None = None
    commands: Sequence[str] = ()
    """What changes it."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def short(run_id: str) -> str:
    """A run id as people read it."""
    return run_id[:8]
