"""GraphQL types from those that the API's document is made of."""

from __future__ import annotations

import types
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

import graphene
from graphene.types.generic import GenericScalar
from graphene.types.scalars import BigInt
from pydantic import BaseModel

_SCALARS: dict[Any, Any] = {
    str: graphene.String,
    bool: graphene.Boolean,
    int: BigInt,  # numbers of tasks go beyond 32 bits
    float: graphene.Float,
}
WHOLE = "json"
"""The field of each object that has all of it, as REST answers it."""


def plain(kind: Any) -> tuple[Any, bool]:
    """A type without its annotations, and whether it may be null."""
    origin = get_origin(kind)
    if origin is Annotated:
        return plain(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        left = [each for each in get_args(kind) if each is not type(None)]
        nullable = len(left) < len(get_args(kind))
        found, also = plain(left[0]) if len(left) == 1 else (Any, False)
        return found, nullable or also
    return kind, False


def given(kind: Any) -> Any:
    """The type of an argument. What is no scalar or list of them is JSON; the route's own types check it."""
    found, _ = plain(kind)
    if get_origin(found) in (list, tuple):
        return graphene.List(graphene.NonNull(given(get_args(found)[0])))
    if (isinstance(found, type) and issubclass(found, dict)) or get_origin(found) is dict or found is Any:
        return GenericScalar
    return _SCALARS.get(found, graphene.String)


def answered(kind: Any) -> Any:
    """The type of an answer."""
    found, nullable = plain(kind)
    if get_origin(found) in (list, tuple):
        inner = graphene.List(answered(get_args(found)[0]))
    elif isinstance(found, type) and issubclass(found, BaseModel):
        inner = _object(found)
    elif found is Any or found is dict or get_origin(found) is dict:
        return GenericScalar
    else:
        inner = _SCALARS.get(found, graphene.String)
    return inner if nullable else graphene.NonNull(inner)


@cache
def _object(model: type[BaseModel]) -> type[graphene.ObjectType]:
    fields: dict[str, Any] = {
        name: graphene.Field(answered(field.annotation)) for name, field in model.model_fields.items()
    }
    fields[WHOLE] = graphene.Field(
        GenericScalar, description="All of it, as REST answers it.", resolver=lambda found, _: found
    )
    about = (model.__doc__ or "").strip()
    return type(_name(model), (graphene.ObjectType,), {**fields, "__doc__": about})


def _name(model: type[BaseModel]) -> str:
    """`Task` is SignalboxTask, `Page[Task]` is SignalboxTaskPage: Dagster has names of its own."""
    known = model.__pydantic_generic_metadata__
    parts: Sequence[Any] = (*known["args"], known["origin"] or model)
    return "Signalbox" + "".join(each.__name__ for each in parts)
