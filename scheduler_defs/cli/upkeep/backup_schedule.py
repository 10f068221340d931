"""`signalbox backup --schedule WHEN`: declare that backups are made, as `schedules add` and `set` do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scheduler_defs.cli.schedules.edits import editor, finish
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from scheduler_defs.declarations.editing.edit import Edit, Editor

JOB = "database_backup"
NAME = "backup"
"""What the schedule is called where there is none yet."""


def schedule_backup(when: str, to: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """Give the schedule of the job another rule, or make one. Nothing is dumped now."""
    edits = editor()
    edit = _edit(edits, when, to)
    declared = edits.declared(edit)
    assert declared is not None, "an edit that was checked is declared"
    folder = declared.config.get("folder") or "backups/ in the state folder"
    finish(edit, dry_run, as_json, f"{declared.name} runs {JOB} ({declared.spec}) into {folder}")


def _edit(edits: Editor, when: str, to: Path | None) -> Edit:
    from scheduler_defs.declarations import load

    rule = {"cron" if " " in when.strip() or when.startswith("@") else "every": when}
    folder = None if to is None else str(to.expanduser().resolve())
    found = load(edits.config_dir, recipes=edits.recipes).declarations.schedules.values()
    names = sorted(each.name for each in found if each.job == JOB)
    if len(names) > 1:
        raise SignalboxError(
            f"several schedules run {JOB} ({', '.join(names)}): change one with `schedules set`"
        )
    if names:
        changes: dict[str, Any] = dict(rule)
        return edits.set(names[0], changes if folder is None else {**changes, "config.folder": folder})
    return edits.add(NAME, {"job": JOB, **rule, "config": None if folder is None else {"folder": folder}})
