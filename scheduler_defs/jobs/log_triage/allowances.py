"""What declarations let `log_triage` read: `reports: log_files`, and what schedules of the job name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scheduler_defs.declarations import current
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.jobs.log_triage.files.permission import AllowedFiles
from scheduler_defs.jobs.reports import op_name
from scheduler_defs.settings import settings

_JOB = "log_triage"


def declared_files() -> AllowedFiles:
    """All that a launch may name, by the declarations in force."""
    declared = _declarations()
    return AllowedFiles(_in_place([*declared.reports.log_files, *_named_by_schedules(declared)]))


def asked_files(globs: Sequence[str] | None) -> list[str]:
    """What this launch names; without any, all that `reports: log_files` names."""
    return _in_place(_declarations().reports.log_files if globs is None else globs)


def _declarations() -> Declarations:
    place = settings()
    return current(place.config, place.state).declarations


def _in_place(globs: Sequence[str]) -> list[str]:
    state = glob.escape(str(settings().state))
    return [os.path.expanduser(each.replace("{state}", state)) for each in globs]  # noqa: PTH111 - no path yet


def _named_by_schedules(declared: Declarations) -> Iterator[str]:
    for schedule in declared.schedules.values():
        if schedule.job == _JOB:
            for config in (schedule.config, _own_part(schedule.config)):
                globs = config.get("globs")
                if isinstance(globs, list):
                    yield from (each for each in globs if isinstance(each, str))


def _own_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The job's config where a schedule gives run config as Dagster spells it."""
    found: Any = config
    for key in ("ops", op_name(_JOB), "config"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
