"""What the server reads from the database itself is what Dagster's GraphQL answers (its tables are private)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import count_runs, list_runs
from scheduler_defs.web.direct import runs
from scheduler_defs.web.direct.switches import switched
from tests.integration.running_stack import Stack


class Direct(GraphQLClient):
    """As the server's own client, on the stack's database."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__("http://nowhere", headers={})
        self.engine = engine

    def call(self, operation: str, **variables: Any) -> Any:
        return {"Runs": runs.runs, "CountRuns": runs.count}[operation](self.engine, **variables)


@pytest.fixture
def direct(stack: Stack) -> Iterator[Direct]:
    engine = sa.create_engine(stack.postgres_url)
    yield Direct(engine)
    engine.dispose()


def test_given_runs_of_all_kinds_when_they_are_asked_for_then_both_answer_the_same(
    stack: Stack, direct: Direct
) -> None:
    ended = stack.json("jobs", "launch", "heartbeat", "--wait")["run_id"]
    stack.run("schedules", "run", "quarter-end", "--wait", check=False)  # whatever comes of it
    client = GraphQLClient(stack.ui)
    newest = list_runs(client, statuses=("SUCCESS",), limit=3)
    assert len(newest) >= 2
    asked: list[dict[str, Any]] = [
        {"statuses": ("SUCCESS",)},
        {"statuses": ("SUCCESS", "FAILURE"), "limit": 1},
        {"run_ids": (ended, "none")},
        {"job": "heartbeat", "statuses": ("SUCCESS",)},
        {"with_tags": {tags.SCHEDULE: "quarter-end"}},
        {"with_tags": {tags.SCHEDULE: "quarter-end", tags.TRIGGER: "run_now"}},
        {"with_tags": {tags.SCHEDULE: "none"}},
        {"statuses": ("SUCCESS",), "after": newest[0]["run_id"]},
        {"statuses": ("SUCCESS",), "after": "none"},
        {"changed_since": dt.datetime.now(dt.UTC) - dt.timedelta(days=1), "statuses": ("SUCCESS",)},
        {"changed_since": dt.datetime.now(dt.UTC) + dt.timedelta(days=1)},
    ]
    for wanted in asked:
        assert list_runs(direct, **wanted) == list_runs(client, **wanted), wanted
    assert count_runs(direct, "CANCELING") == count_runs(client, "CANCELING")
    assert count_runs(direct, "SUCCESS") > 1


def test_given_schedules_that_were_switched_when_they_are_asked_for_then_both_answer_the_same(
    stack: Stack, direct: Direct
) -> None:
    name = dagster_name("quarter-end")
    client = GraphQLClient(stack.ui)
    assert client.switches([name]) == {name: False}, "as it is declared"
    try:
        for command, is_on in (("enable", True), ("disable", False)):
            stack.run("schedules", command, "quarter-end")
            assert client.switches([name]) == switched(direct.engine, [name, "none"]) == {name: is_on}
    finally:
        stack.run("schedules", "disable", "quarter-end")
