"""Dagster's schema with our fields in it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import graphene
from dagster_graphql import schema as dagsters
from dagster_graphql.schema.roots.mutation import GrapheneMutation
from dagster_graphql.schema.roots.query import GrapheneQuery
from dagster_graphql.schema.roots.subscription import GrapheneSubscription

from scheduler_defs.web.graphql.fields import ANSWERS_OTHERWISE, MUTATIONS, QUERIES, Route, mutation_name
from scheduler_defs.web.graphql.resolving import called, resolver
from scheduler_defs.web.graphql.types import answered, given
from scheduler_defs.web.rest.answers.by_route import ANSWERS


def build() -> graphene.Schema:
    """One schema: everything of Dagster's, `signalbox` to look, and mutations that begin with `signalbox`."""
    return graphene.Schema(
        query=_with("Query", GrapheneQuery, {"signalbox": _looking()}),
        mutation=_with("Mutation", GrapheneMutation, _acting()),
        subscription=GrapheneSubscription,
        types=dagsters.types(),
    )


def _with(name: str, root: type[graphene.ObjectType], fields: Mapping[str, Any]) -> type[graphene.ObjectType]:
    meta = type("Meta", (), {"name": name})
    return type(f"Signalbox{name}", (root,), {**fields, "Meta": meta, "__doc__": root.__doc__})


def _looking() -> graphene.Field:
    fields = {name: _field(*each) for name, each in QUERIES.items()}
    about = "What Dagster has no word for, as the REST API answers it."
    looking = type("SignalboxYard", (graphene.ObjectType,), {**fields, "__doc__": about})
    return graphene.Field(graphene.NonNull(looking), description=about, resolver=lambda *_: {})


def _acting() -> dict[str, Any]:
    return {mutation_name(name): _field(*each) for name, each in MUTATIONS.items()}


def _field(operation: str, route: Route) -> graphene.Field:
    found = called(route)
    arguments = {
        name: graphene.Argument(given(each.kind), required=each.needed, description=each.about or None)
        for name, each in found.parameters.items()
        if name != "dry_run" or operation not in ANSWERS_OTHERWISE
    }
    answer = answered(ANSWERS[operation])
    return graphene.Field(answer, args=arguments, description=inspect.getdoc(route), resolver=resolver(found))
