"""What a launch gives a declared job: each parameter once, for all of its steps.

A mapping of the job and not of its graph, for Dagster drops a graph's when only some of its ops are chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import dagster as dg

from scheduler_defs.declarations.models.declared import Job
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.jobs.commands.params import config_fields
from scheduler_defs.jobs.commands.spec import CONFIG

_AS_EVER = dg.Field(dg.Permissive(), is_required=False, description="As in any Dagster job.")
_OF_OPS = dg.Field(
    dg.Permissive(),
    is_required=False,
    description="As Dagster spells it, where a step is to have other values than the rest.",
)


def launch_form(job: Job, ops: Sequence[str]) -> dg.ConfigMapping:
    """The config of the job, whose `ops` all take its parameters.

    What is given under `ops`, as Dagster spells it, still counts, and more than what is given for all: so do
    runs from before, when they are executed again.
    """
    fields = config_fields(dagster_name(job.name), job.params)
    required = [name for name, field in fields.items() if field.is_required]

    def run_config(given: Mapping[str, Any]) -> dict[str, Any]:
        own = given.get("ops") or {}
        if required and not own and CONFIG not in given:
            _refuse(f"{', '.join(required)} must be given", given)
        shared = given.get(CONFIG) or {}
        each = {name: {"config": {**shared, **_own_values(own.get(name), given)}} for name in ops}
        return {**{key: value for key, value in given.items() if key != CONFIG}, "ops": {**own, **each}}

    return dg.ConfigMapping(
        config_fn=run_config,
        config_schema={
            CONFIG: dg.Field(dg.Shape(fields), is_required=False, description="The job's parameters."),
            "ops": _OF_OPS,
            **dict.fromkeys(("execution", "resources", "loggers"), _AS_EVER),
        },
    )


def _own_values(op: Any, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is given to one op, or to the steps of a graph that takes its parameters once itself."""
    op = op or {}
    found = dict(op.get("config") or {})
    for step in (op.get("ops") or {}).values():
        values: Mapping[str, Any] = step.get("config") or {}
        if differing := [name for name, value in values.items() if found.get(name, value) != value]:
            _refuse(f"steps that make assets have one value of {', '.join(differing)}", given)
        found |= values
    return found


def _refuse(reason: str, given: Mapping[str, Any]) -> NoReturn:
    raise dg.DagsterInvalidConfigError(f"{CONFIG}: {reason}", [], given)
