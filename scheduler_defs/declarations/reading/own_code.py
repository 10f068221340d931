"""Python of the user's beside the declarations: `jobs/*.py` that import Dagster. Read here, and never run."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.declarations.reading.sources import combined, digest
from scheduler_defs.settings import beside

FOLDER = "jobs"


@dataclass(frozen=True)
class OwnCode:
    """The files that are loaded, the jobs that their text defines, and a fingerprint of all in the folder."""

    files: tuple[Path, ...] = ()
    jobs: frozenset[str] = frozenset()
    fingerprint: str = ""


@dataclass(frozen=True)
class _Read:
    digest: bytes
    uses_dagster: bool
    jobs: frozenset[str]


_known: dict[Path, _Read] = {}
_lock = threading.Lock()


def own_code(config_dir: Path) -> OwnCode:
    """What is beside a folder of declarations. Files are read again when they have changed."""
    folder = beside(config_dir, FOLDER)
    try:
        paths = sorted(path for path in folder.glob("*.py") if not path.name.startswith("."))
    except OSError:
        return OwnCode()
    found = {path: read for path in paths if (read := _read(path)) is not None}
    if not any(read.uses_dagster for read in found.values()):
        return OwnCode()
    # Those that begin with _ are for the others to import.
    files = tuple(path for path, read in found.items() if read.uses_dagster and not path.name.startswith("_"))
    return OwnCode(
        files,
        frozenset(name for path in files for name in found[path].jobs),
        combined({path.name: read.digest for path, read in found.items()}),
    )


def _read(path: Path) -> _Read | None:
    now = digest(path)
    if now is None:
        return None
    with _lock:
        known = _known.get(path)
    if known is not None and known.digest == now:
        return known
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        # Whoever loads it says what is wrong with it.
        read = _Read(now, "dagster" in text, frozenset())
    else:
        read = _Read(now, any(map(_imports_dagster, ast.walk(tree))), frozenset(_job_names(tree)))
    with _lock:
        _known[path] = read
    return read


def _imports_dagster(node: ast.AST) -> bool:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or ""]
    return any(name.partition(".")[0] == "dagster" for name in names)


def _job_names(tree: ast.Module) -> Iterator[str]:
    """`@job`, `define_asset_job(..)` and `.to_job(name=..)`, with names that are written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                call = decorator.func if isinstance(decorator, ast.Call) else decorator
                if _name(call) == "job":
                    given = _text(decorator, "name") if isinstance(decorator, ast.Call) else None
                    yield given or node.name
        elif isinstance(node, ast.Call) and _name(node.func) in ("define_asset_job", "to_job"):
            first = node.args[0] if node.args and _name(node.func) == "define_asset_job" else None
            given = first.value if isinstance(first, ast.Constant) else _text(node, "name")
            if isinstance(given, str):
                yield given


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _text(call: ast.Call, name: str) -> str | None:
    for keyword in call.keywords:
        if (
            keyword.arg == name
            and isinstance(keyword.value, ast.Constant)
            and isinstance(keyword.value.value, str)
        ):
            return keyword.value.value
    return None
