"""Assets of declared jobs, materialised as the UI's button does it: in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scheduler_defs.graphql.client import GraphQLClient
from tests.integration.running_stack import Stack, until

YARD = """
jobs:
  harvest:
    steps:
      pick: {command: [echo, apples], assets: {fruit/apples: {checks: [ripe]}}}
      press: {command: [echo, juice], needs: pick, assets: {fruit/juice: {deps: fruit/apples}}}
"""
KEYS = ("fruit/apples", "fruit/juice")
# What the button *Materialize all* of Dagster's UI sends.
MATERIALIZE = """
mutation LaunchPipelineExecution($executionParams: ExecutionParams!) {
  launchPipelineExecution(executionParams: $executionParams) {
    __typename
    ... on LaunchRunSuccess { run { runId pipelineName } }
    ... on Error { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
MADE = """
query Made($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode { assetMaterializations(limit: 1) { runId stepKey } jobNames }
  }
}"""


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[GraphQLClient]:
    added = stack.config / "harvest.yaml"
    added.write_text(YARD, encoding="utf-8")
    stack.run("apply")
    yield GraphQLClient(stack.ui)
    added.unlink()
    stack.run("apply")


def made(client: GraphQLClient, run_id: str) -> dict[str, str]:
    """The step of the run that has made each asset last, for those that it has made."""
    found: dict[str, str] = {}
    for key in KEYS:
        node: Any = client.answer({"query": MADE, "variables": {"key": {"path": key.split("/")}}})["data"][
            "assetNodeOrError"
        ]
        assert "harvest" in node["jobNames"]
        for last in node["assetMaterializations"]:
            if last["runId"] == run_id:
                found[key] = str(last["stepKey"]).split(".")[-1]
    return found


def test_given_the_button_materialize_then_a_worker_runs_the_steps_and_the_assets_are_made(
    stack: Stack, client: GraphQLClient
) -> None:
    selector = {
        "repositoryLocationName": "signalbox",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": key.split("/")} for key in KEYS],
        # The button sends the checks that are made with the assets, too.
        "assetCheckSelection": [{"assetKey": {"path": ["fruit", "apples"]}, "name": "ripe"}],
    }
    execution = {"mode": "default", "executionMetadata": {"tags": []}, "runConfigData": "{}"}
    answer = client.answer(
        {"query": MATERIALIZE, "variables": {"executionParams": {**execution, "selector": selector}}}
    )["data"]
    launched = answer["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]

    def ended() -> dict[str, Any] | None:
        run = stack.json("runs", "show", run_id, "--json")
        return run if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None

    run = until(ended, "the end of the run")
    assert run["status"] == "SUCCESS", run
    assert run["job"] == "harvest", "it counts as a run of the job"
    workers = {worker["id"] for worker in stack.status()["workers"]}
    assert run["worker"] in workers
    assert made(client, run_id) == {"fruit/apples": "pick", "fruit/juice": "press"}


def test_given_the_job_launched_then_its_steps_run_on_workers_for_steps_and_make_the_assets(
    stack: Stack, client: GraphQLClient
) -> None:
    answer = stack.json("jobs", "launch", "harvest", "--wait", "--json")
    assert answer["status"] == "SUCCESS"
    assert made(client, answer["run_id"]) == {"fruit/apples": "pick", "fruit/juice": "press"}
