"""Declared jobs as Dagster definitions: names, tags, config schema, graphs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs import launching, tags
from scheduler_defs.addresses import PAGE, job_page
from scheduler_defs.assembly import build
from scheduler_defs.declarations.models.declared import Declarations, Param, Retries
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.steps.executor_job import celery_steps_executor
from scheduler_defs.jobs.commands.job import build_command_job, job_metadata
from scheduler_defs.jobs.commands.steps_job import build_steps_job
from tests.unit.declarations.yards import load_yard
from tests.unit.jobs_command.conftest import declared, step

PARAMS = {
    "count": Param(name="count", type="integer", default=3, minimum=1, maximum=5, description="How many."),
    "ratio": Param(name="ratio", type="number"),
    "mode": Param(name="mode", default="fast", choices=("fast", "full")),
    "dry": Param(name="dry", type="boolean", default=False),
    "name": Param(name="name", default="a", pattern="[a-z]+"),
}


def diamond(name: str = "a-graph", **options: object) -> dg.JobDefinition:
    steps = {
        "get": step("get"),
        "left-side": step("left-side", "get", queue="gpu"),
        "right": step("right", "get", retries=Retries(max_attempts=4)),
        "join": step("join", "left-side", "right"),
    }
    return build_steps_job(declared(name, steps=steps, **options))


def config_is_valid(job: dg.JobDefinition, config: dict[str, object]) -> bool:
    return dg.validate_run_config(job, {"config": config}) is not None


def test_given_a_command_job_its_runs_carry_the_tags_of_its_declaration() -> None:
    job = build_command_job(
        declared(
            command=("true",),
            queue="gpu",
            priority=5,
            retries=Retries(max_attempts=3),
            tags={"team": "ops"},
            owner="vaela",
            timeout=timedelta(minutes=1),
        )
    )

    assert job.name == "a_job"
    assert job.run_tags[tags.JOB] == "a-job"
    assert job.run_tags[tags.MAX_RUNTIME] == "60"
    assert tags.TRIGGER not in job.run_tags, "whoever launches it knows"
    assert job.run_tags[tags.CELERY_QUEUE] == "gpu"
    assert job.run_tags[tags.PRIORITY] == "5"
    assert job.run_tags[tags.MAX_ATTEMPTS] == "3"
    assert Retries.model_validate_json(job.run_tags[tags.RETRIES]).max_attempts == 3
    assert job.run_tags["team"] == "ops"
    assert job.metadata["declared"].value == "config/jobs.yaml:7:3"
    assert job.metadata[PAGE] == dg.MetadataValue.url(job_page("a-job"))
    assert job.metadata["timeout_seconds"].value == 60.0
    assert job.executor_def is dg.in_process_executor


def test_given_a_launch_its_run_config_fits_the_job_that_it_names() -> None:
    made = declared(command=("true",), params={"count": PARAMS["count"]})
    declarations = Declarations(jobs={made.name: made})

    launch = launching.for_job(declarations, made.name, config={"count": 4}, actor="me")

    assert launch.job == build_command_job(made).name
    assert dg.validate_run_config(build_command_job(made), dict(launch.run_config))


def test_given_params_the_launchpad_knows_their_types_defaults_and_descriptions() -> None:
    job = build_command_job(declared(command=("true",), params=PARAMS))
    fields = job.graph.nodes[0].definition.config_schema.config_type.fields

    assert {name: field.is_required for name, field in fields.items()} == {
        "directive": False,
        "count": False,
        "ratio": True,
        "mode": False,
        "dry": False,
        "name": False,
    }
    assert fields["count"].description == "How many (integer, at least 1, at most 5)."
    assert fields["name"].description == "String, matching [a-z]+."
    assert fields["ratio"].description == "Number, required."
    assert fields["count"].default_value == 3


@pytest.mark.parametrize(
    "config",
    [
        {"ratio": "x"},
        {"ratio": 1.5, "count": 1.5},
        {"ratio": 1.5, "mode": "slow"},
        {"ratio": 1, "dry": "yes"},
        {"ratio": 1, "typo": 1},
        {},
    ],
)
def test_given_values_of_the_wrong_kind_the_launch_is_refused(config: dict[str, object]) -> None:
    job = build_command_job(declared(command=("true",), params=PARAMS))

    with pytest.raises(dg.DagsterInvalidConfigError):
        config_is_valid(job, config)


def test_given_good_values_the_launch_is_accepted() -> None:
    job = build_command_job(declared(command=("true",), params=PARAMS))

    assert config_is_valid(job, {"ratio": 2, "mode": "full", "dry": True})


def test_given_jobs_and_steps_of_the_same_names_they_share_a_code_location() -> None:
    jobs = [
        build_command_job(declared("get", command=("true",))),
        build_command_job(declared("a.graph-get", command=("true",))),
        diamond("a"),
        diamond("a-graph"),
    ]

    repository = dg.Definitions(jobs=jobs).get_repository_def()

    assert len(repository.get_all_jobs()) == 4


def test_given_steps_they_wait_for_what_they_need_and_hand_nothing_on() -> None:
    job = diamond(queue="cpu", timeout=timedelta(minutes=2))

    needs = {
        node.name: sorted(
            handle.node_name
            for handles in job.graph.dependency_structure.input_to_upstream_outputs_for_node(
                node.name
            ).values()
            for handle in handles
        )
        for node in job.graph.nodes
    }
    assert needs == {"get": [], "left_side": ["get"], "right": ["get"], "join": ["left_side", "right"]}
    queues = {node.name: node.definition.tags.get(tags.CELERY_QUEUE) for node in job.graph.nodes}
    assert queues == {"get": "cpu", "left_side": "gpu", "right": "cpu", "join": "cpu"}
    assert tags.CELERY_QUEUE not in job.run_tags
    assert job.run_tags[tags.MAX_RUNTIME] == "120"
    assert job.executor_def is celery_steps_executor
    outputs = {
        output.dagster_type.is_nothing for node in job.graph.nodes for output in node.definition.output_defs
    }
    assert outputs == {True}


def test_given_a_step_with_retries_only_it_has_a_policy() -> None:
    job = diamond()
    policies = {node.name: node.definition.retry_policy for node in job.graph.nodes}

    assert [name for name, policy in policies.items() if policy is not None] == ["right"]
    assert policies["right"].max_retries == 3


def test_given_a_job_of_the_other_kind_it_cannot_be_built() -> None:
    with pytest.raises(SignalboxError, match=r"config/jobs.yaml:7:3: jobs.a-job: has steps, not a command"):
        build_command_job(declared(steps={"a": step("a")}))
    with pytest.raises(SignalboxError, match="has no steps"):
        build_steps_job(declared(command=("true",)))


@pytest.mark.case("newcomer-X-forms")
def test_given_a_job_when_it_is_shown_then_its_commands_are_there_and_each_value_is_given_once(
    tmp_path: Path,
) -> None:
    text = """
jobs:
  hello: {command: [echo, "hello {params.name}"], params: {name: {default: world}}}
  report:
    params: {day: {type: string}}
    steps:
      fetch: {command: [fetch, "{params.day}"]}
      plots: {command: [sh, -c, "plot > out.png"], needs: [fetch]}
"""
    declarations = load_yard(tmp_path, text).declarations
    hello, report = declarations.jobs["hello"], declarations.jobs["report"]
    assert job_metadata(hello)["command"] == "echo 'hello {params.name}'"
    shown = job_metadata(report)
    assert (shown["command of fetch"], shown["command of plots"]) == (
        "fetch '{params.day}'",
        "sh -c 'plot > out.png'",
    )
    config = launching.run_config(declarations, "report", {"day": "2026-01-01"}, None)
    assert config == {"config": {"day": "2026-01-01"}}
    (found,) = (each for each in build(declarations).jobs or () if each.name == "report")
    ops = dg.validate_run_config(found, config)["ops"]
    assert ops["fetch"]["config"] == ops["plots"]["config"] == {"day": "2026-01-01"}
