"""All jobs there are, as the command and REST list them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scheduler_defs.declarations import BUILTIN_JOBS
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.reading.own_code import own_code


def job_rows(declarations: Declarations, config: Path) -> list[dict[str, Any]]:
    """The built-in ones, those in Python beside the folder of the declarations, and those declared."""
    kinds = dict.fromkeys(sorted(BUILTIN_JOBS), "built-in")
    kinds |= dict.fromkeys(sorted(own_code(config).jobs), "python")
    kinds |= {job.name: "steps" if job.steps else "command" for job in declarations.jobs.values()}
    return [
        {
            "name": name,
            "kind": kind,
            "queue": job.queue if (job := declarations.jobs.get(name)) else None,
            "description": job.description if job else None,
            "schedules": [each.name for each in declarations.schedules.values() if each.job == name],
        }
        for name, kind in kinds.items()
    ]
