"""A check and its patient."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the page. `advice` is empty when there is nothing to do."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


@dataclass(frozen=True)
class Patient:
    """What is looked at."""

    place: Settings
    declarations: Declarations
    engine: sa.Engine
    environ: Mapping[str, str]
    now: Callable[[], dt.datetime]


def named(what: str, names: list[str]) -> str:
    """How many there are, and the first of them."""
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"{len(names)} {what}" + (f": {shown}" if names else "")
