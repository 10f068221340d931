"""Each parameter of a declared job is given once, through every door, whatever part of the job is to run."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster_graphql.schema import run_config
from dagster_graphql.test.utils import execute_dagster_graphql

from scheduler_defs.assembly import build
from scheduler_defs.web import launchpad as web_launchpad
from tests.unit.execution.admission.doors import LOCATION, Doors

FORM = """
query Launchpad($selector: PipelineSelector!, $config: RunConfigData) {
  runConfigSchemaOrError(selector: $selector) {
    ... on RunConfigSchema { rootDefaultYaml rootConfigType { ... on CompositeConfigType { fields { name } } } }
  }
  isPipelineConfigValid(pipeline: $selector, runConfigData: $config, mode: "default") {
    __typename
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
GIVEN = {"config": {"day": "monday", "pages": 4}}
AS_BEFORE = {"ops": {name: {"config": {"day": "monday", "pages": 4}} for name in ("fetch", "print")}}

WITH_ONE_OF_ITS_OWN = {"config": {"day": "monday"}, "ops": {"print": {"config": {"pages": 4}}}}


def launchpad(yard: Doors, job: str, config: Any, *steps: str) -> tuple[str, list[str]]:
    """What the launchpad of a job begins with, and what is wrong with a run config there."""
    selector = {
        "repositoryLocationName": LOCATION,
        "repositoryName": "__repository__",
        "pipelineName": job,
        **({"solidSelection": list(steps)} if steps else {}),
    }
    variables = {"selector": selector, "config": config}
    answer = execute_dagster_graphql(yard.context.create_request_context(), FORM, variables)
    assert not answer.errors, answer.errors
    errors = answer.data["isPipelineConfigValid"].get("errors") or []
    return answer.data["runConfigSchemaOrError"]["rootDefaultYaml"], [each["message"] for each in errors]


def executed(yard: Doors, run: dg.DagsterRun) -> set[str]:
    """Execute a run as a worker does. The steps that have succeeded."""
    job = build(yard.declarations).resolve_job_def(run.job_name)
    selected = sorted(run.resolved_op_selection or ()) or None
    result = job.execute_in_process(run_config=run.run_config, op_selection=selected)
    return {each.step_key for each in result.get_step_success_events()}


@pytest.mark.case("newcomer-X-forms")
@pytest.mark.parametrize("steps", [(), ("print",), ("fetch*",)])
def test_given_a_job_with_steps_then_its_launchpad_is_filled_and_has_each_parameter_once(
    yard: Doors, steps: tuple[str, ...]
) -> None:
    filled, wrong = launchpad(yard, "report", GIVEN, *steps)
    assert filled == "config:\n  dry: false\n  pages: 3\n"
    assert wrong == []
    _, wrong = launchpad(yard, "report", {"config": {"pages": "x"}}, *steps)
    assert ["day" in each or "pages" in each for each in wrong] == [True, True]


@pytest.mark.case("newcomer-X-forms")
def test_given_parameters_without_any_default_then_the_launchpad_says_what_is_missing(
    yard: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(run_config.__dict__, web_launchpad._NAME, web_launchpad.defaults)
    filled, wrong = launchpad(yard, "harvest", {"config": {}})
    assert filled == "config: {}\n"
    assert ["day" in each for each in wrong] == [True]
    assert launchpad(yard, "line", {}) == ("{}\n", [])


@pytest.mark.case("newcomer-X-forms")
@pytest.mark.parametrize("config", [GIVEN, AS_BEFORE, WITH_ONE_OF_ITS_OWN], ids=["once", "before", "own"])
@pytest.mark.parametrize("steps", [(), ("print",), ("fetch", "print")], ids=str)
def test_given_a_launch_of_all_or_some_steps_then_it_is_accepted_and_each_step_has_its_values(
    yard: Doors, config: Any, steps: tuple[str, ...]
) -> None:
    chosen = {"solidSelection": list(steps)} if steps else {}
    run = yard.launchpad("report", config=config, selector=chosen)
    assert executed(yard, run) == set(steps or ("fetch", "print"))
    again = yard.reexecution(yard.fail(run))
    assert again.run_config == config
    assert yard.retry(yard.fail(run)).run_config == config


@pytest.mark.case("newcomer-X-forms")
@pytest.mark.parametrize(
    "config", [{}, {"ops": {"fetch": {"config": {"day": "monday"}}}}, {"config": {"dya": 1}}]
)
def test_given_a_launch_without_what_must_be_given_then_it_is_refused(yard: Doors, config: Any) -> None:
    before = yard.runs()
    answer = yard.launch_answer("report", config=config)
    assert "run" not in answer
    assert "day" in str(answer)
    assert yard.runs() == before


@pytest.mark.case("newcomer-X-forms")
@pytest.mark.parametrize(
    "config",
    [
        {"config": {"day": "monday"}},
        {
            "ops": {
                "command_7_harvest": {
                    "ops": {name: {"config": {"day": "monday"}} for name in ("pick", "press")}
                }
            }
        },
    ],
    ids=["once", "as before"],
)
def test_given_steps_that_make_assets_then_their_job_takes_each_parameter_once(
    yard: Doors, config: Any
) -> None:
    run = yard.launchpad("harvest", config=config)
    assert executed(yard, run) == {"command_7_harvest.pick", "command_7_harvest.press"}
    assert yard.reexecution(yard.fail(run)).run_config == config


@pytest.mark.case("newcomer-X-forms")
def test_given_assets_that_are_materialised_by_themselves_then_each_parameter_is_given_once(
    yard: Doors,
) -> None:
    config = {"ops": {"command_7_harvest": {"config": {"day": "monday"}}}}
    assets = {"assetSelection": [{"path": ["apples"]}, {"path": ["juice"]}]}
    run = yard.launchpad("__ASSET_JOB", config=config, selector=assets)
    definitions = build(yard.declarations)
    result = definitions.resolve_job_def("__ASSET_JOB").execute_in_process(
        run_config=run.run_config, asset_selection=sorted(run.asset_selection or ())
    )
    assert result.success
