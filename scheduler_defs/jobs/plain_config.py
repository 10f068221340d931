"""Config of jobs that never reads the environment.

Dagster turns every `str`, `int` and `bool` of a `dg.Config` into a field that also takes `{env: NAME}`
(`dagster/_config/pythonic_config/conversion_utils.py`). Whoever may launch a run could so read any variable
of the worker, database addresses included. Jobs of ours take values only.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

_PLAIN = ((dg.StringSource, dg.String), (dg.IntSource, dg.Int), (dg.BoolSource, dg.Bool))


def plain_schema(model: type[dg.Config]) -> dict[str, dg.Field]:
    """The fields of a config class for `config_schema=`, without those that read the environment.

    The op makes the model itself: `Model(**context.op_config)`. Raises TypeError for a kind of field that is
    not known here: better no job than one that reads more than it should.
    """
    return {name: _plain_field(field) for name, field in model.to_fields_dict().items()}


def _plain_field(field: dg.Field) -> dg.Field:
    default = {"default_value": field.default_value} if field.default_provided else {}
    return dg.Field(
        _plain_type(field.config_type),
        is_required=field.is_required,
        description=field.description,
        **default,
    )


def _plain_type(given: Any) -> Any:
    for source, plain in _PLAIN:
        if given is source:
            return plain
    match given:
        case dg.Noneable():
            return dg.Noneable(_plain_type(given.inner_type))
        case dg.Array():
            return dg.Array(_plain_type(given.inner_type))
        case dg.Map():
            return dg.Map(given.key_type, _plain_type(given.inner_type), key_label_name=given.key_label_name)
        case dg.Shape():
            return dg.Shape(
                {name: _plain_field(field) for name, field in given.fields.items()},
                description=given.description,
            )
        case dg.Enum():
            return given
        case _ if given.given_name in ("String", "Int", "Float", "Bool"):
            return given
        case _:
            raise TypeError(f"{given!r}: a config field of this kind may read the environment")
