import re
from pathlib import Path

import graphql
import pytest
from dagster_graphql.schema import create_schema

from scheduler_defs.graphql.client import document, operations

DOCS = Path(__file__).parents[3] / "docs" / "graphql.md"


@pytest.fixture(scope="module")
def schema() -> graphql.GraphQLSchema:
    return create_schema().graphql_schema


@pytest.mark.parametrize("name", [n for n, text in operations().items() if not text.startswith("fragment")])
def test_each_operation_is_valid_against_the_pinned_dagster(name: str, schema: graphql.GraphQLSchema) -> None:
    assert graphql.validate(schema, graphql.parse(document(name))) == []


def test_the_docs_show_exactly_the_operations_that_are_sent() -> None:
    shown = re.findall(r"```graphql\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [block.strip() for block in shown] == list(operations().values())
