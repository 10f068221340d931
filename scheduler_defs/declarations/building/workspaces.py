"""Where agents work, and what must succeed before their work counts."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from scheduler_defs.declarations.models.agents import Accept, Workspace
from scheduler_defs.declarations.placeholders import check_branch
from scheduler_defs.declarations.reading.faults import Entry
from scheduler_defs.declarations.written.agents import AcceptEntry, WorkspaceEntry

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|[^/]+@[^/]+:", re.IGNORECASE)
_REF = re.compile(r"(?!-)(?!.*(\.\.|//|@\{|\.lock(/|$)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")


def build_workspace(entry: Entry, written: WorkspaceEntry | None, project: Path) -> Workspace | None:
    """The workspace, or None; faults are noted. A relative folder is one of the project."""
    if written is None:
        return None
    repository = _repository(entry, written.repository, project)
    if not _REF.fullmatch(written.base):
        entry.fault(f"{written.base!r} is no name of a branch", "workspace", "base")
    check_branch(entry, written.branch)
    if not written.push and written.landing != "off":
        entry.fault(
            f"landing: {written.landing} needs the branch, so it must not be off", "workspace", "push"
        )
    return Workspace(
        repository=repository,
        base=written.base,
        branch=written.branch,
        setup=tuple(map(tuple, written.setup or ())),
        setup_timeout=written.setup_timeout,
        between=written.between,
        keep=written.keep,
        push=written.push,
        landing=written.landing,
    )


def accepting(written: AcceptEntry | None) -> Accept | None:
    """The commands that accept a task, if any are declared."""
    if written is None:
        return None
    commands = tuple(map(tuple, written.commands))
    return Accept(commands=commands, rounds=written.rounds, timeout=written.timeout)


def _repository(entry: Entry, given: str, project: Path) -> str:
    if given.startswith("-") or not given.strip():
        entry.fault(f"{given!r} is neither a folder nor an address", "workspace", "repository")
    if not _ADDRESS.match(given):
        return str((project / Path(given).expanduser()).absolute())
    if "://" in given and urlsplit(given).password is not None:
        entry.fault("holds a password: let git's credential helper know it", "workspace", "repository")
    return given
