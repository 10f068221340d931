"""The declarations in force: those of the files, or the last good set while the files have faults.

Whoever finds the files free of faults keeps a copy of them under `<state>/declarations/`. Whoever finds
faults serves that copy, so one slip in a file changes nothing for what was working, in any process, and
also after a restart of everything. With no copy, what is free of faults is served.

Free of faults is not yet loadable: Dagster has rules of its own. The code location tries a set before it
serves it (`scheduler_defs.definitions`) and notes what became of it here; a set that was refused is as one
with a fault, for every process.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scheduler_defs import settings
from scheduler_defs.declarations.loading import LoadResult, build, jobs_without_declaration
from scheduler_defs.declarations.models.declared import Declarations, Problem
from scheduler_defs.declarations.outcomes import LOADED, refused
from scheduler_defs.declarations.reading.sources import Sources, fingerprint, read_sources
from scheduler_defs.private import FILE_MODE, FOLDER_MODE

_log = logging.getLogger("signalbox.declarations")

LAST_GOOD = "last-good"
_ORIGIN = "origin.json"
_KEPT = 3
_NOT_LOADED = "Dagster cannot load this"


class Serving(StrEnum):
    """Where the declarations in force come from."""

    FILES = "files"
    """The files as they are; they have no faults."""
    LAST_GOOD = "last_good"
    """The copy of the files from when they last had no faults."""
    PART = "part"
    """The faultless part of the files: they have never been without faults here."""


@dataclass(frozen=True)
class Current:
    """The declarations in force, and what is wrong with the files."""

    declarations: Declarations
    problems: tuple[Problem, ...]
    serving: Serving


@dataclass
class _Known:
    """What this process has found out about one folder."""

    seen: str = ""
    current: Current | None = None
    good: Declarations | None = None
    before: Declarations | None = None
    refusal: str | None = None


_known: dict[tuple[Path, Path, frozenset[str]], _Known] = {}
_lock = threading.RLock()


def current(
    config_dir: Path,
    state_dir: Path,
    *,
    known_jobs: Collection[str] | None = None,
    retry_refused: bool = False,
) -> Current:
    """The declarations in force. Cheap while no file has changed; safe in threads and many processes.

    Works with a state folder that is missing or cannot be written: then the copy lives in this process only.
    With `retry_refused`, a refusal that was noted for just these files is passed over.
    """
    known_jobs = jobs_without_declaration(config_dir) if known_jobs is None else known_jobs
    with _lock:
        known = _known.setdefault((config_dir, state_dir, frozenset(known_jobs)), _Known())
        seen = fingerprint(config_dir)
        refusal = None if retry_refused else refused(state_dir, seen)
        if known.current is None or known.seen != seen or known.refusal != refusal:
            found = _load(read_sources(config_dir), config_dir, known_jobs)
            seen = found.sources.fingerprint
            refusal = None if retry_refused else refused(state_dir, seen)
            known.current = _decide(found, refusal, known, config_dir, state_dir, known_jobs)
            known.seen, known.refusal = seen, refusal
        return known.current


def _decide(
    found: LoadResult,
    refusal: str | None,
    known: _Known,
    config_dir: Path,
    state_dir: Path,
    known_jobs: Collection[str],
) -> Current:
    problems = found.problems
    if refusal is not None:
        problems = (
            *problems,
            Problem(file=config_dir.name, line=1, column=1, path="", message=f"{_NOT_LOADED}: {refusal}"),
        )
    if not problems:
        # Kept in memory only where it cannot be kept on disk, which other processes write, too.
        kept = _keep(found.sources, config_dir, state_dir)
        if not kept:
            known.before, known.good = known.good, found.declarations
        else:
            known.before = known.good = None
        return Current(found.declarations, (), Serving.FILES)
    for problem in problems[:20]:
        _log.error("%s", problem)
    remembered = [each for each in (known.good, known.before) if each is not None]
    good = next((each for each in remembered if refused(state_dir, each.fingerprint) is None), None)
    good = good or _kept(config_dir, state_dir, known_jobs)
    if good is None:
        part = found.declarations if refusal is None else Declarations()
        return Current(part, problems, Serving.PART)
    return Current(good, problems, Serving.LAST_GOOD)


def _load(sources: Sources, config_dir: Path, known_jobs: Collection[str]) -> LoadResult:
    where = settings.settings()
    recipes = where.recipes if where.config == config_dir else settings.beside(config_dir, "recipes")
    return build(sources, known_jobs=known_jobs, recipes=recipes, now=None, label=config_dir.name)


def _keep(sources: Sources, config_dir: Path, state_dir: Path) -> bool:
    """Copy the files beside the earlier copies, then point to the new copy in one step."""
    home = state_dir / "declarations"
    name = _name(sources)
    link = home / LAST_GOOD
    try:
        if _origin(home / name) == str(config_dir) and link.is_symlink() and str(link.readlink()) == name:
            return True
        if not state_dir.is_dir():  # nothing has been started with this state: leave no traces
            return False
        home.mkdir(mode=FOLDER_MODE, exist_ok=True)
        scratch = home / f".new-{os.getpid()}-{secrets.token_hex(4)}"
        scratch.mkdir(mode=FOLDER_MODE)
        try:
            for file, data in sources.files.items():
                (scratch / file).write_bytes(data)
                (scratch / file).chmod(FILE_MODE)
            (scratch / _ORIGIN).write_text(json.dumps({"config": str(config_dir)}))
            if (home / name).exists():
                shutil.rmtree(scratch)
                (home / name / _ORIGIN).write_text(json.dumps({"config": str(config_dir)}))
            else:
                scratch.rename(home / name)
        except OSError:
            shutil.rmtree(scratch, ignore_errors=True)
            if not (home / name / _ORIGIN).exists():  # else another process was quicker
                raise
        pointer = home / f".link-{os.getpid()}-{secrets.token_hex(4)}"
        pointer.symlink_to(name)
        pointer.replace(link)
        _forget(home, name)
    except OSError as error:
        _log.warning("the last good declarations cannot be kept in %s: %s", home, error)
        return False
    return True


def _kept(config_dir: Path, state_dir: Path, known_jobs: Collection[str]) -> Declarations | None:
    """The newest copy of this folder that is still free of faults and was not refused.

    One that was loaded once comes before one that nobody has tried yet.
    """
    home = state_dir / "declarations"
    pointed = (home / LAST_GOOD).resolve()
    places = [pointed, *(each for each in _copies(home) if each != pointed)]
    places.sort(key=lambda place: not (place / LOADED).exists())  # stable: else in this order
    for place in places:
        if _origin(place) != str(config_dir):
            continue
        sources = read_sources(place)
        if place.name != _name(sources):  # another process is just removing it
            continue
        if refused(state_dir, sources.fingerprint) is not None:
            continue
        found = _load(sources, config_dir, known_jobs)
        if not found.problems:
            return found.declarations
    return None


def _name(sources: Sources) -> str:
    """What the folder of a copy is called."""
    return f"good-{sources.fingerprint[:24]}"


def _copies(home: Path) -> list[Path]:
    """All copies, the newest first; those that another process is just removing are left out."""
    made: dict[Path, int] = {}
    for each in home.glob("good-*"):
        with contextlib.suppress(FileNotFoundError):
            made[each] = each.stat().st_mtime_ns
    return sorted(made, key=made.__getitem__, reverse=True)


def _origin(place: Path) -> str | None:
    try:
        return str(json.loads((place / _ORIGIN).read_text())["config"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _forget(home: Path, keep: str) -> None:
    """Remove copies but the newest few (a reader may be at one of them) and the last that was loaded."""
    others = [each for each in _copies(home) if each.name != keep]
    loaded = next((each for each in others if (each / LOADED).exists()), None)
    for old in others[_KEPT - 1 :]:
        if old != loaded:
            shutil.rmtree(old, ignore_errors=True)
