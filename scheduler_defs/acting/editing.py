"""Edits of declarations, written into their file and signed for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

    from scheduler_defs.declarations.editing.edit import Edit

_MOST_LINES = 50


def write(edit: Edit, engine: sa.Engine | None) -> None:
    """Put an edit into its file, and line by line into the audit. Raises SignalboxError.

    The file comes first, so that nothing is signed for that was not done. `engine`: None where no stack runs;
    what the edit changes is then signed for when a stack puts it in force, as any change of the files is.
    """
    edit.write()
    if engine is None:
        return
    from scheduler_defs.audit.entries import Action, Entry
    from scheduler_defs.audit.store import record

    before, after = facts(edit)
    with engine.begin() as connection:
        record(connection, Entry(Action.DECLARATIONS_EDITED, f"schedule:{edit.name}", before, after))


def facts(edit: Edit) -> tuple[dict[str, Any], dict[str, Any]]:
    """What went and what came, line by line, with the hash of the whole file before and after."""
    lines = [line for line in edit.diff.splitlines()[2:] if line[:1] in "+-"]
    gone, come = ([line[1:] for line in lines if line.startswith(mark)] for mark in "-+")
    return _side(edit, edit.before, gone), _side(edit, edit.after, come)


def _side(edit: Edit, content: str, lines: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"file": edit.path.name, "lines": lines[:_MOST_LINES]}
    if len(lines) > _MOST_LINES:
        found["more_lines"] = len(lines) - _MOST_LINES
    return {**found, "sha256": hashlib.sha256(content.encode()).hexdigest()}
