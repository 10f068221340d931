"""Probes by name: what conditions can look at.

A probe reads one thing and changes nothing. Your own are functions in a module that the environment variable
`SIGNALBOX_PROBES` names (several: separated by commas):

    from scheduler_defs.conditions import Look, probe

    @probe("printer.ink", argument="printer", kind="number")
    def printer_ink(printer: str, look: Look) -> float | None:
        "Percent of ink left."
        return read_ink(printer, timeout=look.seconds)
"""

from __future__ import annotations

import datetime as dt
import difflib
import importlib
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scheduler_defs.declarations.models.base import Scalar
from scheduler_defs.declarations.models.conditions import Operator
from scheduler_defs.errors import SignalboxError

MODULES = "SIGNALBOX_PROBES"
_OWN_MODULES = tuple(
    f"scheduler_defs.conditions.probes.{name}"
    for name in ("files", "machine", "http", "sql", "runs", "queues", "environment")
)
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_ORDERINGS = (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE)
_TEXT_OPERATORS = (Operator.CONTAINS, Operator.MATCHES, Operator.REGEX)

Kind = Literal["number", "text", "boolean", "duration", "any"]


@dataclass(frozen=True)
class Look:
    """What a probe may need to know: the moment, and for how long it may look."""

    now: dt.datetime
    seconds: float


Read = Callable[[str, Look], Any]
"""(argument, look) to an observation; None when there is nothing to observe. Errors are raised."""


@dataclass(frozen=True)
class Probe:
    """One thing that conditions can look at."""

    name: str
    read: Read
    kind: Kind
    argument: str | None
    """What the argument is (`path`); None for a probe without one."""
    default: str | None
    """Stands in for an argument that is left out; None: it must be given."""
    check: Callable[[str], str | None] | None
    """What is wrong with an argument, found out when declarations are loaded."""
    ignore_case: bool
    summary: str

    @property
    def usage(self) -> str:
        """`file.age:PATH`, `load.average[:MINUTES]`."""
        if self.argument is None:
            return self.name
        written = f":{self.argument.upper().replace(' ', '_')}"
        return f"{self.name}{written}" if self.default is None else f"{self.name}[{written}]"


_probes: dict[str, Probe] = {}
_loaded: list[str] = []
_faults: list[str] = []
_loading = threading.RLock()


def probe(
    name: str,
    *,
    argument: str | None = None,
    default: str | None = None,
    kind: Kind = "any",
    check: Callable[[str], str | None] | None = None,
    ignore_case: bool = False,
) -> Callable[[Read], Read]:
    """Register a function as a probe. Raises SignalboxError for a bad name or one that is taken."""

    def register(read: Read) -> Read:
        if not _NAME.fullmatch(name):
            raise SignalboxError(f"probe {name!r}: use small letters, digits, '_' and '.', as in file.age")
        known = _probes.get(name)
        if known is not None and known.read.__module__ != read.__module__:
            raise SignalboxError(f"probe {name!r} is already defined in {known.read.__module__}")
        summary = " ".join((read.__doc__ or "").split())
        _probes[name] = Probe(name, read, kind, argument, default, check, ignore_case, summary)
        return read

    return register


def probes() -> Mapping[str, Probe]:
    """All probes by name, those of `SIGNALBOX_PROBES` included."""
    wanted = [*_OWN_MODULES, *filter(None, map(str.strip, os.environ.get(MODULES, "").split(",")))]
    with _loading:
        for module in wanted:
            if module not in _loaded:
                _loaded.append(module)
                try:
                    importlib.import_module(module)
                except Exception as error:
                    # A user's module may fail in any way; the other probes go on working.
                    _faults.append(f"{MODULES}: {module}: {type(error).__name__}: {error}")
        return dict(_probes)


def find(subject: str) -> tuple[Probe, str]:
    """The probe and the argument of `name` or `name:argument`. Raises SignalboxError if that is nonsense."""
    name, separator, argument = subject.strip().partition(":")
    name, argument = name.strip(), argument.strip()
    found = probes().get(name)
    if found is None:
        raise SignalboxError(_unknown(name))
    if found.argument is None:
        if separator:
            raise SignalboxError(f"{name} takes no argument; write {found.usage}")
        return found, ""
    if not argument:
        if found.default is None:
            raise SignalboxError(f"{name} needs an argument; write {found.usage}")
        argument = found.default
    problem = found.check(argument) if found.check else None
    if problem:
        raise SignalboxError(f"{name}: {problem}")
    return found, argument


def subject_fault(subject: str) -> str | None:
    """What is wrong with a subject, in one line; None when conditions may look at it."""
    try:
        find(subject)
    except SignalboxError as error:
        return str(error)
    return None


def comparison_fault(subject: str, op: Operator, value: Scalar | None) -> str | None:
    """Why this operator or value can never work with this subject; None when it can, or nobody knows."""
    from scheduler_defs.conditions.values import as_boolean, as_duration, as_number

    try:
        found, _ = find(subject)
    except SignalboxError:
        return None
    if op is Operator.EXISTS or found.kind == "any":
        return None
    if op in _TEXT_OPERATORS and op is not Operator.MATCHES and found.kind != "text":
        return f"{op} looks into texts, and {found.name} is a {found.kind}"
    if op in _ORDERINGS and found.kind == "boolean":
        return f"{found.name} is a boolean, which has no order; use eq or neq"
    readers: dict[str, tuple[Callable[[object], object], str]] = {
        "number": (as_number, "a number such as 10"),
        "duration": (as_duration, "a duration such as 90s, 10m or 36h"),
        "boolean": (as_boolean, "true or false"),
    }
    if op is not Operator.MATCHES and found.kind in readers:
        read, example = readers[found.kind]
        if value is not None and read(value) is None:
            return f"{found.name} is a {found.kind}; {value!r} is not {example}"
    return None


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, _probes, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(_probes))}"
    faults = f" ({'; '.join(_faults)})" if _faults else ""
    return f"no probe is called {name!r}{hint}{faults}"
