"""`signalbox tasks add --template`: a task file with gaps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduler_defs.errors import SignalboxError

_GAP = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def filled(file: Path, queue: str | None, pairs: list[str]) -> dict[str, Any]:
    """The fields of the task that a template stands for; its tag `template:NAME` says where it is from.

    `file` is a path, or a name in the recipes folder. Each `{gap}` is filled by a pair `gap=text`. Raises
    SignalboxError: a gap without a pair, a pair without a gap, and what `files.document.read` refuses.
    """
    from scheduler_defs.agents.task_queue.files.document import read
    from scheduler_defs.settings import settings

    path = file if file.is_file() else settings().recipes / file
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SignalboxError(f"{file}: no template, here or in {settings().recipes}: {error}") from None
    given = dict(_pair(pair) for pair in pairs)
    gaps = dict.fromkeys(_GAP.findall(text))
    if missing := [name for name in gaps if name not in given]:
        raise SignalboxError(f"{file}: {{{missing[0]}}} is not filled: --set {missing[0]}=TEXT")
    if unknown := [name for name in given if name not in gaps]:
        raise SignalboxError(f"{file} has no {{{unknown[0]}}}; it has {', '.join(gaps) or 'no gaps'}")
    found = {name: _filled(value, given) for name, value in read(file.name, text, queue).document.items()}
    if (status := found.pop("status")) != "idle":
        raise SignalboxError(f"{file}: status {status!r}: a new task is idle")
    found["tags"] = [*found.get("tags", ()), f"template:{file.stem}"]
    return found


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    """In texts only, once they are read: what fills a gap is never taken for YAML."""
    match value:
        case str():
            return _GAP.sub(lambda gap: given[gap[1]], value)
        case list():
            return [_filled(each, given) for each in value]
        case dict():
            return {key: _filled(each, given) for key, each in value.items()}
        case _:
            return value


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SignalboxError(f"--set {text!r}: KEY=TEXT is expected")
    return name, value
