"""Files that runs keep: `<state>/artifacts/<run id>/...`, copies that later runs cannot change."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scheduler_defs.errors import SignalboxError

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_WILD = re.compile(r"[*?\[]")
# A set such as [a-z] or [!0-9], or one character.
_TOKEN = re.compile(r"((?!\[!?.[^]]*\]).)|(\[!?.[^]]*\])", re.DOTALL)
MOST_FILES = 10_000


@dataclass(frozen=True)
class Artifact:
    """One kept file: its path below the run's folder, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Kept:
    """What was kept, and what was not (one line each)."""

    folder: Path
    artifacts: tuple[Artifact, ...]
    refused: tuple[str, ...]


def run_folder(artifacts: Path, run_id: str, step: str | None = None) -> Path:
    """Where the files of a run (or of one of its steps) are kept. Not made here.

    Raises SignalboxError for names that are not plain file names.
    """
    for name in (run_id, *([] if step is None else [step])):
        if not _PLAIN_NAME.fullmatch(name):
            raise SignalboxError(f"{name!r}: expected letters, digits, '_', '-' and '.'")
    return artifacts / run_id if step is None else artifacts / run_id / step


def keep(patterns: Sequence[str], source: Path, folder: Path, *, changed_since: float | None = None) -> Kept:
    """Copy the files below `source` that match a pattern into `folder`, under the same relative paths.

    `**` stands for any number of folders, `*`, `?` and `[a-z]` for something within a name, and a folder that
    is named in full for all that is in it. Symbolic links are followed only to files below `source`; only
    regular files are kept. With `changed_since` (seconds since 1970) files that
    were there before and have not changed are left out. Raises OSError when the disk does not take them.
    """
    kept: list[Artifact] = []
    refused: list[str] = []
    root = source.resolve()
    for path in matching(patterns, root):
        if len(kept) >= MOST_FILES:
            refused.append(f"more than {MOST_FILES} files; the rest is not kept")
            break
        target = folder.joinpath(*path.parts)
        fault, size = _keep_one(root, root / path, target, changed_since)
        if fault is not None:
            refused.append(f"{path}: {fault}")
        elif size is not None:
            kept.append(Artifact(str(path), size))
    return Kept(folder, tuple(kept), tuple(refused))


def listed(folder: Path) -> tuple[Artifact, ...]:
    """The regular files below a run's folder, whoever put them there."""
    found: list[Artifact] = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode):
                found.append(Artifact(path.relative_to(folder).as_posix(), facts.st_size))
    return tuple(found)


def matching(patterns: Iterable[str], root: Path) -> list[PurePosixPath]:
    """The files below `root`, relative to it, that match a pattern. Folders behind links are not entered."""
    wanted = [_expression(pattern) for pattern in patterns]
    if not wanted:
        return []
    found: list[PurePosixPath] = []
    for parent, folders, names in os.walk(root):
        folders.sort()
        where = PurePosixPath(os.path.relpath(parent, root))
        for name in sorted(names):
            path = where / name
            if any(expression.fullmatch(str(path)) for expression in wanted):
                found.append(path)
    return found


def _expression(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression over the whole path. Wildcards do not match a leading dot."""
    parts = PurePosixPath(pattern).parts
    expression = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            expression += r"(?:(?!\.)[^/]+/)*" + (r"(?!\.)[^/]+" if last else "")
        else:
            plain = not _WILD.search(part)
            # A folder that is named in full stands for everything below it.
            expression += _segment(part) + ("(?:/.+)?" if last and plain else "" if last else "/")
    return re.compile(expression, re.DOTALL)


def _segment(part: str) -> str:
    expression = r"(?!\.)" if part[0] in "*?[" else ""
    for text, characters in _TOKEN.findall(part):
        if characters:
            inside = characters[1:-1].replace("\\", "\\\\").replace("[", r"\[")
            inside = "^/" + inside[1:] if inside.startswith("!") else inside.replace("^", r"\^", 1)
            expression += f"[{inside}]"
        else:
            expression += {"*": "[^/]*", "?": "[^/]"}.get(text) or re.escape(text)
    return expression


def _keep_one(
    root: Path, path: Path, target: Path, changed_since: float | None
) -> tuple[str | None, int | None]:
    """A fault, or the size; neither when the file is an old one."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "a symbolic link to nowhere", None
    if not real.is_relative_to(root):
        return "a symbolic link that leads out of the working directory", None
    # NONBLOCK: a named pipe would wait for ever.
    fd = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as content:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            return "not a regular file", None
        if changed_since is not None and max(facts.st_ctime, facts.st_mtime) < changed_since:
            return None, None
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        try:
            with partial.open("wb") as copy:
                shutil.copyfileobj(content, copy, 1 << 20)
                size = copy.tell()
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    return None, size
