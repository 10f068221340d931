"""The declarations in force: those of the files, or the last good set while the files have faults.

Whoever finds the files free of faults keeps a copy of them under `<state>/declarations/`. Whoever finds
faults serves that copy, so one slip in a file changes nothing for what was working, in any process, and
also after a restart of everything. With no copy, what is free of faults is served.
"""

from __future__ import annotations

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
from scheduler_defs.declarations.loading import BUILTIN_JOBS, LoadResult, build
from scheduler_defs.declarations.models import Declarations, Problem
from scheduler_defs.declarations.sources import Sources, fingerprint, read_sources

_log = logging.getLogger("signalbox.declarations")

LAST_GOOD = "last-good"
_ORIGIN = "origin.json"
_KEPT = 3


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


_known: dict[tuple[Path, Path, frozenset[str]], _Known] = {}
_lock = threading.RLock()


def current(config_dir: Path, state_dir: Path, *, known_jobs: Collection[str] = BUILTIN_JOBS) -> Current:
    """The declarations in force. Cheap while no file has changed; safe in threads and many processes.

    Works with a state folder that is missing or cannot be written: then the copy lives in this process only.
    """
    with _lock:
        known = _known.setdefault((config_dir, state_dir, frozenset(known_jobs)), _Known())
        seen = fingerprint(config_dir)
        if known.current is None or known.seen != seen:
            found = _load(read_sources(config_dir), config_dir, known_jobs)
            known.current = _decide(found, known, config_dir, state_dir, known_jobs)
            known.seen = found.sources.fingerprint
        return known.current


def _decide(
    found: LoadResult, known: _Known, config_dir: Path, state_dir: Path, known_jobs: Collection[str]
) -> Current:
    if not found.problems:
        # Kept in memory only where it cannot be kept on disk, which other processes write, too.
        kept = _keep(found.sources, config_dir, state_dir)
        known.good = None if kept else found.declarations
        return Current(found.declarations, (), Serving.FILES)
    for problem in found.problems[:20]:
        _log.error("%s", problem)
    good = known.good or _kept(config_dir, state_dir, known_jobs)
    if good is None:
        return Current(found.declarations, found.problems, Serving.PART)
    return Current(good, found.problems, Serving.LAST_GOOD)


def _load(sources: Sources, config_dir: Path, known_jobs: Collection[str]) -> LoadResult:
    where = settings.settings()
    recipes = where.recipes if where.config == config_dir else config_dir.parent / "recipes"
    return build(sources, known_jobs=known_jobs, recipes=recipes, now=None, label=config_dir.name)


def _keep(sources: Sources, config_dir: Path, state_dir: Path) -> bool:
    """Copy the files beside the earlier copies, then point to the new copy in one step."""
    home = state_dir / "declarations"
    name = f"good-{sources.fingerprint[:24]}"
    link = home / LAST_GOOD
    try:
        if _origin(home / name) == str(config_dir) and link.is_symlink() and str(link.readlink()) == name:
            return True
        if not state_dir.is_dir():  # nothing has been started with this state: leave no traces
            return False
        home.mkdir(exist_ok=True)
        scratch = home / f".new-{os.getpid()}-{secrets.token_hex(4)}"
        scratch.mkdir()
        try:
            for file, data in sources.files.items():
                (scratch / file).write_bytes(data)
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
    """The copy, if there is one of this folder that is still free of faults."""
    copy = state_dir / "declarations" / LAST_GOOD
    for _ in range(3):
        # Resolved once, so that all files come from one copy while another process points elsewhere.
        place = copy.resolve()
        if _origin(place) != str(config_dir):
            return None
        sources = read_sources(place)
        found = _load(sources, config_dir, known_jobs)
        if not found.problems:
            return found.declarations
        if copy.resolve() == place:
            break
    return None


def _origin(place: Path) -> str | None:
    try:
        return str(json.loads((place / _ORIGIN).read_text())["config"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _forget(home: Path, keep: str) -> None:
    """Remove copies but the newest few: a reader may still be at one of them."""
    copies = sorted(home.glob("good-*"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
    for old in [each for each in copies if each.name != keep][_KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
