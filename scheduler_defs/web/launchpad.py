"""What the launchpad begins with, where a parameter must be given (private API, contract-tested).

A declared job takes its parameters under `config`, or as Dagster spells them, so that `config` itself need
not be given. Where no parameter has a default, the editor would be empty and find nothing missing.
"""

from __future__ import annotations

from dagster._config.snap import ConfigSchemaSnapshot, ConfigTypeSnap
from dagster_graphql.schema import run_config

from scheduler_defs.jobs.commands.spec import CONFIG

_NAME = "default_values_yaml_from_type_snap"
_of_dagster = run_config.__dict__[_NAME]
_NOTHING = "{}\n"


def install() -> None:
    """Have this process' launchpad begin with `config` where something is missing there."""
    run_config.__dict__[_NAME] = defaults


def defaults(snapshot: ConfigSchemaSnapshot, root: ConfigTypeSnap) -> str:
    """As Dagster's, and an empty `config` where that says all that is to be said."""
    found = str(_of_dagster(snapshot, root))
    if found != _NOTHING or CONFIG not in (root.field_names if root.fields else ()):
        return found
    inner = snapshot.get_config_snap(root.get_field(CONFIG).type_key)
    missing = any(field.is_required for field in inner.fields or ())
    return f"{CONFIG}: {{}}\n" if missing else found
