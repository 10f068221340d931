"""Warm workers that are never stale: code and declarations are looked at before each run.

A worker keeps the definitions that it has loaded. Before it executes a run it compares the time stamps of
all files that they were loaded from, and the fingerprint of the declarations; when anything has changed, it
forgets the project's modules and imports them again. This happens between runs, so a run in progress keeps
its code. And since a run is launched from files that were there before it, a worker never has older ones.

Each code location has modules of its own: two may have a module `defs`, or `helpers`, and mean their own. Of
one at a time they are importable; those of the others lie on a shelf until a run of theirs comes.
"""

from __future__ import annotations

import importlib
import linecache
import logging
import os
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from types import ModuleType

from dagster._core.definitions.reconstruct import ReconstructableJob

from scheduler_defs.settings import settings

logger = logging.getLogger(__name__)

KEPT = (
    "scheduler_defs.execution",
    "scheduler_defs.database",
    "scheduler_defs.retries",
    "scheduler_defs.settings",
    "scheduler_defs.tags",
    "scheduler_defs.errors",
    "scheduler_defs.redaction",
)
"""The program around the definitions: it is running, and holds leases. A worker is restarted for new ones."""

_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_SHARED = ("scheduler_defs",)
_OURS = (*_SHARED, "sensors", "resources")
# Seconds between the clock of the file system and ours.
_CLOCKS_DIFFER = 0.1

Stamp = tuple[int, int]


@dataclass
class Freshness:
    """What this process has loaded, and from what."""

    config: Path | None
    """The declarations that the program's own location is made of; None: another location."""
    _fingerprint: str | None = None
    _stamps: dict[str, Stamp | None] = field(default_factory=dict)
    _began: float | None = None
    _newest: str = ""
    _names: set[str] = field(default_factory=set[str])
    """Its modules that have been seen. To look at all there are takes 15 ms, in a forked process 30."""
    _shelf: dict[str, ModuleType] = field(default_factory=dict[str, ModuleType])

    @property
    def is_loaded(self) -> bool:
        """Whether it has been loaded here, and is as the files are now."""
        return self._began is not None and not self._is_stale()

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Around whatever loads definitions: what was loaded before is forgotten if it is stale.

        In the block the definitions may be imported, or found in the caches of Python and Dagster.
        """
        self._take_the_place()
        self.refresh()
        if self._began is None:
            self._began = time.time()
            self._fingerprint = _fingerprint(self.config)
        try:
            yield
        finally:
            self._note_new_files()

    def refresh(self) -> bool:
        """Forget the project's modules if any file of theirs, or a declaration, has changed. True if so."""
        if self._began is None or not self._is_stale():
            return False
        modules = self._own_modules()
        logger.info("code or declarations have changed: loading %d modules again", len(modules))
        for name in modules:
            del sys.modules[name]
        importlib.invalidate_caches()
        linecache.checkcache()
        ReconstructableJob.get_definition.cache_clear()
        ReconstructableJob.get_repository_definition.cache_clear()
        self._began = self._fingerprint = None
        self._newest = ""
        self._names.clear()
        self._stamps.clear()
        return True

    def _take_the_place(self) -> None:
        """Have this location's modules in the place of another's."""
        global _importable
        before = definitions if _importable is None else _importable
        if before is self:
            return
        before._note_new_files()
        for name in before._names:
            if not _starts(name, _SHARED) and (module := sys.modules.pop(name, None)) is not None:
                before._shelf[name] = module
        sys.modules.update(self._shelf)
        self._shelf.clear()
        # All that is imported from now on is this location's.
        self._newest = next(reversed(sys.modules))
        _importable = self

    def _own_modules(self, among: Mapping[str, ModuleType] = sys.modules) -> dict[str, ModuleType]:
        return (_shelved if self.config is None else project_modules)(among)

    def _is_stale(self) -> bool:
        return _fingerprint(self.config) != self._fingerprint or any(
            stamp is None or _stamp(file) != stamp for file, stamp in self._stamps.items()
        )

    def _note_new_files(self) -> None:
        # To look at a module is to write to its page: of all of them, that is 11 MB in each process.
        new = imported_after(self._newest)
        if not new:
            return
        self._newest = next(iter(new))
        now = time.time()
        own = self._own_modules(new)
        self._names |= own.keys()
        for file in {str(module.__file__) for module in own.values()}:
            if file not in self._stamps:
                stamp = _stamp(file)
                # Written since loading began: whether the old or the new text was read cannot be known.
                began = now if self._began is None else self._began
                unsure = stamp is None or began - _CLOCKS_DIFFER <= stamp[0] / 1e9 <= now + _CLOCKS_DIFFER
                self._stamps[file] = None if unsure else stamp


def imported_after(name: str) -> dict[str, ModuleType]:
    """The modules that were imported after this one, the newest first; all of them when it is not there."""
    try:
        names = list(takewhile(lambda each: each != name, reversed(sys.modules)))
    except RuntimeError:  # another thread imports
        names = list(reversed(sys.modules))
    return {each: module for each in names if (module := sys.modules.get(each)) is not None}


def project_modules(modules: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    """The loaded modules that are neither installed packages nor `KEPT`: the user's and the declarations'."""
    return {name: module for name, module in list(modules.items()) if _is_project(name, module)}


def _shelved(modules: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    """The modules of a location: not the program's package. `sensors` and `resources` are common names."""
    return {name: module for name, module in project_modules(modules).items() if not _starts(name, _SHARED)}


def _is_project(name: str, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not file or name in ("__main__", "scheduler_defs") or _starts(name, KEPT):
        return False
    return file.endswith(".py") and (_starts(name, _OURS) or not file.startswith(_INSTALLED))


def _starts(name: str, prefixes: Iterable[str]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def _stamp(file: str) -> Stamp | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - for some hundred files before each run, pathlib is too slow
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _fingerprint(config: Path | None) -> str:
    if config is None:
        return ""
    # Imported here: this module is one of those that are forgotten and imported again.
    from scheduler_defs.declarations.reading.own_code import own_code
    from scheduler_defs.declarations.reading.sources import fingerprint

    return fingerprint(config) + own_code(config).fingerprint


definitions = Freshness(settings().config)
"""Of this process: the program's own location."""

_others: dict[str, Freshness] = {}
_importable: Freshness | None = None


def definitions_of(key: str | None) -> Freshness:
    """Those of another location by its key; None: the program's own."""
    return definitions if key is None else _others.setdefault(key, Freshness(None))
