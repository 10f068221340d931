"""The command of an agent for one task: its arguments, its recipe, its files. No shell is involved."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scheduler_defs.agents.task_queue.objects import plain
from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import resolved

# Other families, and anything else in braces (JSON, for example), are left as they are.
_PLACEHOLDER = re.compile(r"\{(task|agent|run|session|answer)\.([A-Za-z_][A-Za-z0-9_.-]*)\}")

TASK_FILE = "SIGNALBOX_TASK_FILE"
REPORT_FILE = "SIGNALBOX_REPORT_FILE"


def fill(argv: Sequence[str], values: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The arguments with `{task.*}`, `{agent.*}`, `{run.*}` replaced, in one pass over the text.

    Dots reach into mappings: `{task.payload.repository}`. None becomes empty. Values are not looked into for
    placeholders. Raises SignalboxError for a name that is not there.
    """
    return [
        _PLACEHOLDER.sub(lambda match: _value(values, match) if match[1] in values else match[0], item)
        for item in argv
    ]


def _value(values: Mapping[str, Mapping[str, Any]], match: re.Match[str]) -> str:
    found: Any = values[match[1]]
    for part in match[2].split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = ", ".join(sorted(values[match[1]]))
            raise SignalboxError(f"command: nothing is known as {match[0]}; {match[1]} has {known}")
        found = found[part]
    if found is None:
        return ""
    if isinstance(found, bool):
        return str(found).lower()
    return found if isinstance(found, str) else json.dumps(found, default=plain)


def recipe_path(named: str | None, otherwise: str | None, recipes: Path) -> str | None:
    """The recipe to work by: the task's own, inside the recipes folder, or else the agent's.

    Raises SignalboxError when it is not there, or leads outside the folder.
    """
    if named is None:
        if otherwise is not None and not Path(otherwise).is_file():
            raise SignalboxError(f"recipe: there is no file {otherwise}")
        return otherwise
    folder = recipes.resolve()
    try:
        path = resolved(folder / named)
    except (OSError, RuntimeError, ValueError):
        raise SignalboxError(f"recipe: {named!r} cannot be resolved") from None
    if Path(named).is_absolute() or not path.is_relative_to(folder) or path == folder:
        raise SignalboxError(f"recipe: {named!r} leads outside the recipes folder")
    if not path.is_file():
        raise SignalboxError(f"recipe: there is no file {named!r} in the recipes folder")
    return str(path)


def write_task_file(folder: Path, values: Mapping[str, Mapping[str, Any]]) -> Path:
    """`{task, agent, run}` as JSON for the agent, readable by its user only."""
    path = folder / "task.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(values, default=plain, ensure_ascii=False), encoding="utf-8")
    return path
