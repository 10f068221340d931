"""Every operation of docs/graphql.md, with the variables shown there, against the live webserver."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.schedules import instance_states
from tests.integration.running_stack import Stack, until

DOCS = (Path(__file__).parents[3] / "docs" / "graphql.md").read_text(encoding="utf-8")
SHOWN = dict(
    re.findall(r"```graphql\n(?:query|mutation) (\w+)[^`]*```\n```json\n(.*?)```", DOCS, flags=re.DOTALL)
)
SLEEPER = "jobs:\n  long_sleep: {command: [sleep, '300']}\n"


@pytest.fixture(scope="module")
def words(stack: Stack) -> Mapping[str, str]:
    """What the words in capitals stand for."""
    client = GraphQLClient(stack.ui)
    added = stack.config / "long_sleep.yaml"
    added.write_text(SLEEPER, encoding="utf-8")
    stack.run("apply")
    ended = stack.json("jobs", "launch", "heartbeat", "--wait", "--json")["run_id"]
    running = stack.json("jobs", "launch", "long_sleep", "--json")["run_id"]
    until(
        lambda: stack.json("runs", "show", running, "--json")["status"] == "STARTED", "the long run started"
    )
    added.unlink()
    stack.run("apply")
    return {
        "RUNNING_RUN_ID": running,
        "RUN_ID": ended,
        "SCHEDULE_STATE_ID": instance_states(client)["quarter_end"]["id"],
        "SCHEDULE": "quarter_end",
        "JOB": "heartbeat",
    }


def test_every_operation_shows_its_variables() -> None:
    assert list(SHOWN) == re.findall(r"```graphql\n(?:query|mutation) (\w+)", DOCS)


@pytest.mark.parametrize("operation", SHOWN)
def test_each_documented_operation_is_answered(
    operation: str, stack: Stack, words: Mapping[str, str]
) -> None:
    text = SHOWN[operation]
    for word, value in words.items():
        text = text.replace(f'"{word}"', f'"{value}"')
    variables: dict[str, Any] = json.loads(text)
    assert GraphQLClient(stack.ui).call(operation, **variables)
