"""JSON Schemas of the files, for editors.

`python -m scheduler_defs.declarations.published.schemas` writes them.
"""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import json
import sys
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from scheduler_defs.declarations.models.conditions import Operator
from scheduler_defs.declarations.written.access import AccessEntry
from scheduler_defs.declarations.written.agents import (
    AgentEntry,
    BudgetEntry,
    PriceEntry,
    QuotaEntry,
    TaskQueueEntry,
)
from scheduler_defs.declarations.written.fields import Written
from scheduler_defs.declarations.written.jobs import JobEntry
from scheduler_defs.declarations.written.others import AlertsEntry, DirectiveEntry, LimitEntry, ReportsEntry
from scheduler_defs.declarations.written.schedules import CONDITION_PLACE, ScheduleDefaults, ScheduleEntry
from scheduler_defs.declarations.written.settings.audit import AuditEntry
from scheduler_defs.declarations.written.settings.locations import LocationEntry
from scheduler_defs.declarations.written.settings.resources import ResourcesEntry
from scheduler_defs.declarations.written.settings.retention import RetentionEntry
from scheduler_defs.declarations.written.triggers import TriggerEntry
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.timing import format_duration

FOLDER = PROJECT_ROOT / "docs" / "schemas"
_DIALECT = "http://json-schema.org/draft-07/schema#"  # what editors' YAML support knows best
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"

# file -> key at the top -> model; a tuple around a model stands for a mapping by name
_FILES: Mapping[str, tuple[str, Mapping[str, type[BaseModel] | tuple[type[BaseModel]]]]] = {
    "schedules": ("When jobs run.", {"defaults": ScheduleDefaults, "schedules": (ScheduleEntry,)}),
    "jobs": ("Jobs without Python.", {"jobs": (JobEntry,), "reports": ReportsEntry}),
    "limits": ("How many runs with a tag may go on at once.", {"limits": (LimitEntry,)}),
    "directives": ("Instruction texts that jobs run under.", {"directives": (DirectiveEntry,)}),
    "agents": (
        "Agents and the queues that they serve.",
        {
            "task_queue": TaskQueueEntry,
            "quotas": (QuotaEntry,),
            "prices": (PriceEntry,),
            "budgets": (BudgetEntry,),
            "agents": (AgentEntry,),
        },
    ),
    "resources": (
        "What jobs, assets and sensors written in Python are given.",
        {"resources": ResourcesEntry},
    ),
    "alerts": ("Alert channels and rules.", {"alerts": AlertsEntry}),
    "access": ("Who may do what.", {"access": AccessEntry}),
    "triggers": ("Jobs that signed requests from outside run.", {"triggers": (TriggerEntry,)}),
    "locations": ("Dagster projects of their own that run on the stack.", {"locations": (LocationEntry,)}),
    "audit": ("Where the audit's signed checkpoints are kept.", {"audit": AuditEntry}),
    "retention": ("How long what has happened is kept.", {"retention": RetentionEntry}),
}

_CONDITION: dict[str, Any] = {
    "type": "object",
    "description": "What to look at and what to want: {subject, op, value}, or all:, any:, not: of such.",
    "oneOf": [
        {
            "additionalProperties": False,
            "required": ["subject", "op"],
            "properties": {
                "subject": {"type": "string", "examples": ["disk.free_percent:/", "file.age:/tmp/done"]},
                "op": {"enum": [each.value for each in Operator]},
                "value": {"type": ["string", "number", "boolean"]},
            },
        },
        *(
            {
                "additionalProperties": False,
                "required": [key],
                "properties": {
                    key: {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/Condition"}}
                },
            }
            for key in ("all", "any")
        ),
        {
            "additionalProperties": False,
            "required": ["not"],
            "properties": {"not": {"$ref": "#/definitions/Condition"}},
        },
    ],
}


class _Generator(GenerateJsonSchema):
    """Durations in defaults as people write them."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, dt.timedelta) else super().encode_default(dft)


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each file, by file name."""
    return {f"{name}.json": _schema(name, about, keys) for name, (about, keys) in _FILES.items()}


def write(folder: Path = FOLDER) -> None:
    """Write all schemas into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_text(rendered(schema))


def rendered(schema: Mapping[str, Any]) -> str:
    """The schema's text as it is checked in."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema(
    name: str, about: str, keys: Mapping[str, type[BaseModel] | tuple[type[BaseModel]]]
) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for key, model in keys.items():
        single = not isinstance(model, tuple)
        kind = model if not isinstance(model, tuple) else model[0]
        schema = kind.model_json_schema(
            ref_template="#/definitions/{model}", schema_generator=_Generator, mode="validation"
        )
        definitions |= schema.pop("$defs", {})
        definitions[kind.__name__] = schema
        entry: dict[str, Any] = {"$ref": f"#/definitions/{kind.__name__}"}
        properties[key] = entry if single else _by_name(key, entry)
    whole: dict[str, Any] = {
        "$schema": _DIALECT,
        "title": f"Signalbox: {name}.yaml",
        "description": about,
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {"^x-": True},
        "properties": properties,
        "definitions": definitions,
    }
    tidied = _tidied(whole)
    if name == "schedules":
        tidied["definitions"]["Condition"] = _CONDITION
    return tidied


def _by_name(key: str, entry: dict[str, Any]) -> dict[str, Any]:
    if key == "directives":
        entry = {"anyOf": [{"type": "string"}, entry]}
    mapping: dict[str, Any] = {
        "type": ["object", "null"],
        "patternProperties": {_NAME: entry},
        "additionalProperties": False,
    }
    return {"anyOf": [mapping, {"type": "array", "items": entry}]} if key == "limits" else mapping


def _tidied(schema: Any) -> Any:
    """With the docstrings of the attributes and with conditions, without the titles that pydantic makes."""
    if isinstance(schema, list):
        return [_tidied(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("dict[str, Any]", schema)
    if given.get("format") == CONDITION_PLACE["format"]:
        return {"$ref": "#/definitions/Condition"}
    title = given.get("title")
    top = "$schema" in given
    tidied = {
        key: _tidied(each)
        for key, each in given.items()
        if key != "title" or top or not isinstance(each, str)
    }
    model = _written_models().get(title) if isinstance(title, str) else None
    if model is not None:
        for key, text in _docstrings(model).items():
            tidied["properties"][key]["description"] = text
    return tidied


@cache
def _written_models() -> Mapping[str, type[Written]]:
    found: dict[str, type[Written]] = {}
    pending = [Written]
    while pending:
        subclasses = pending.pop().__subclasses__()
        found |= {each.__name__: each for each in subclasses}
        pending += subclasses
    return found


def _docstrings(model: type[Written]) -> dict[str, str]:
    """The text under each attribute, inherited ones included."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if not issubclass(each, Written) or each is Written:
            continue
        (body,) = ast.parse(inspect.getsource(each)).body
        assert isinstance(body, ast.ClassDef)
        for attribute, text in pairwise(body.body):
            if (
                isinstance(attribute, ast.AnnAssign)
                and isinstance(attribute.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                found[attribute.target.id] = inspect.cleandoc(str(text.value.value))
    return found


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
