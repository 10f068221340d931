"""Declared jobs whose commands make assets, run against a real Dagster instance."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from scheduler_defs import launching, tags
from scheduler_defs.assembly import NotLoadableError, build
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.declared import Asset, Declarations, Job, Step, StepExecutor
from scheduler_defs.jobs.commands.assets.of_command import command_assets
from scheduler_defs.jobs.commands.assets.of_steps import step_assets
from tests.unit.jobs_command.conftest import Place, declared

DAILY, WEEKLY = dg.AssetKey(["sales", "daily"]), dg.AssetKey(["sales", "weekly"])
REPORTS = """
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    pipes.report_asset_materialization(asset_key="sales/daily", metadata={"rows": 12})
    pipes.report_asset_check(asset_key="sales/daily", check_name="complete", passed=False)
"""


def making(code: str, **options: Any) -> Job:
    return declared(
        "sales",
        command=(sys.executable, "-c", code),
        assets={
            # In the other order: Dagster wants what another is made from before it.
            "sales/weekly": Asset(name="sales/weekly", deps=("sales/daily",), description="By week."),
            "sales/daily": Asset(name="sales/daily", deps=("raw/orders",), checks=("complete", "fresh")),
        },
        **options,
    )


def run(place: Place, job: Job, config: dict[str, Any] | None = None) -> dg.ExecuteInProcessResult:
    declarations = Declarations(jobs={job.name: job})
    launch = launching.for_job(declarations, job.name, config=config or {})
    made = build(declarations, leave_out=False).resolve_job_def(launch.job)
    assert made.run_tags[tags.JOB] == "sales"
    return made.execute_in_process(
        run_config=dict(launch.run_config), instance=place.instance, raise_on_error=False
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {each.check_name: each.passed for each in result.get_asset_check_evaluations()}


def test_given_a_command_that_reports_then_assets_and_checks_say_so(place: Place) -> None:
    result = run(place, making(REPORTS))
    assert result.success
    made: dict[dg.AssetKey | None, Any] = {
        each.asset_key: each.step_materialization_data.materialization.metadata
        for each in result.get_asset_materialization_events()
    }
    assert made.keys() == {DAILY, WEEKLY}
    assert made[DAILY]["rows"].value == 12
    assert "rows" not in made[WEEKLY]
    assert made[WEEKLY]["duration_seconds"].value > 0
    assert checks(result) == {"complete": False, "fresh": True}


def test_given_a_command_that_fails_then_nothing_is_made_and_its_checks_have_failed(place: Place) -> None:
    result = run(place, making("raise SystemExit(3)"))
    assert not result.success
    assert result.get_asset_materialization_events() == []
    assert checks(result) == {"complete": False, "fresh": False}


def test_given_assets_when_they_are_materialised_by_themselves_then_the_command_runs(place: Place) -> None:
    result = dg.materialize([command_assets(making("print(1)"))], instance=place.instance)
    assert {each.asset_key for each in result.get_asset_materialization_events()} == {DAILY, WEEKLY}


def test_given_assets_then_their_lineage_is_known() -> None:
    job = making("print(1)")
    graph = build(Declarations(jobs={job.name: job}), leave_out=False).resolve_asset_graph()
    assert graph.get(DAILY).parent_keys == {dg.AssetKey(["raw", "orders"])}
    assert graph.get(WEEKLY).parent_keys == {DAILY}
    assert graph.get(WEEKLY).description == "By week."


def test_given_params_then_a_launch_fills_them_in(place: Place) -> None:
    from scheduler_defs.declarations.models.declared import Param

    job = declared(
        "sales",
        command=("sh", "-c", 'test "$1" = 7', "sh", "{params.day}"),
        params={"day": Param(name="day", type="integer", default=1)},
        assets={"report": Asset(name="report")},
    )
    assert run(place, job, {"day": 7}).success
    assert not run(place, job, {"day": 8}).success


def stepped(fetch: str = "print(1)", report: str = REPORTS, **options: Any) -> Job:
    """Three steps, of which the second hands on nothing that is an asset."""
    python = (sys.executable, "-c")
    orders = {"raw/orders": Asset(name="raw/orders", deps=("shop",), checks=("complete",))}
    sales = {
        "sales/daily": Asset(name="sales/daily", deps=("raw/orders",), checks=("complete",), group="sales"),
        "done": Asset(name="done", deps=("sales/daily", "calendar")),
    }
    steps = {
        "fetch": Step(name="fetch", command=(*python, fetch), assets=orders),
        "check": Step(name="check", command=(*python, "print(2)"), needs=("fetch",)),
        "report": Step(name="report", command=(*python, report), needs=("check",), assets=sales, queue="gpu"),
    }
    return declared("sales", steps=steps, executor=StepExecutor.IN_PROCESS, **options)


def test_given_steps_that_make_assets_then_each_says_what_became_of_its_own(place: Place) -> None:
    result = run(place, stepped())
    assert result.success
    made = {
        each.asset_key: (each.step_key, each.step_materialization_data.materialization.metadata)
        for each in result.get_asset_materialization_events()
    }
    assert made.keys() == {dg.AssetKey(["raw", "orders"]), DAILY, dg.AssetKey("done")}
    assert made[DAILY][0] == "command_5_sales.report"
    assert made[DAILY][1]["rows"].value == 12
    said = {
        (str(each.asset_key.to_user_string()), each.passed) for each in result.get_asset_check_evaluations()
    }
    assert said == {("raw/orders", True), ("sales/daily", False)}


def test_given_a_step_that_fails_then_what_came_before_is_made_and_the_rest_is_not(place: Place) -> None:
    result = run(place, stepped(report="raise SystemExit(3)"))
    assert not result.success
    assert [each.asset_key for each in result.get_asset_materialization_events()] == [
        dg.AssetKey(["raw", "orders"])
    ]
    assert [each.passed for each in result.get_asset_check_evaluations()] == [True, False]


def test_given_assets_of_steps_then_their_lineage_goes_through_the_steps() -> None:
    job = stepped()
    definitions = build(Declarations(jobs={job.name: job}), leave_out=False)
    graph = definitions.resolve_asset_graph()
    assert graph.get(dg.AssetKey(["raw", "orders"])).parent_keys == {dg.AssetKey("shop")}
    assert graph.get(DAILY).parent_keys == {dg.AssetKey(["raw", "orders"])}
    assert graph.get(DAILY).group_name == "sales"
    assert graph.get(dg.AssetKey("done")).parent_keys == {DAILY, dg.AssetKey("calendar")}
    made = definitions.resolve_job_def("sales")
    assert made.executor_def is dg.in_process_executor
    (node,) = made.graph.nodes
    assert {inner.definition.tags[tags.JOB] for inner in node.definition.nodes} == {"sales"}


def test_given_params_then_every_step_that_makes_assets_gets_them(place: Place) -> None:
    from scheduler_defs.declarations.models.declared import Param

    check = "import sys; sys.exit(sys.argv[1] != '7')"
    job = stepped(check, params={"day": Param(name="day", type="integer", default=1)})
    steps = {
        name: step.model_copy(update={"command": (sys.executable, "-c", check, "{params.day}")})
        for name, step in (job.steps or {}).items()
    }
    job = job.model_copy(update={"steps": steps})
    assert run(place, job, {"day": 7}).success
    assert not run(place, job, {"day": 8}).success


def test_given_a_step_of_which_no_asset_comes_then_it_is_one_and_runs(tmp_path: Path, place: Place) -> None:
    (tmp_path / "jobs.yaml").write_text("""
jobs:
  sales:
    executor: in_process
    steps:
      fetch: {command: [echo, one], assets: {raw/orders: }}
      plot: {command: [echo, two], needs: fetch}
      publish: {command: [echo, three], needs: plot}
""")
    declarations = load(tmp_path).declarations
    result = run(place, declarations.jobs["sales"])
    assert result.success
    made = {
        each.asset_key.to_user_string(): each.step_key
        for each in result.get_asset_materialization_events()
        if each.asset_key
    }
    ran = [each.step_key for each in result.all_events if each.is_step_success]
    assert ran == [f"command_5_sales.{step}" for step in ("fetch", "plot", "publish")]
    assert {key: step.split(".")[1] for key, step in made.items() if step} == {
        "raw/orders": "fetch",
        "sales/publish": "publish",
    }


def test_given_assets_of_steps_when_they_are_materialised_by_themselves_then_all_steps_run(
    place: Place,
) -> None:
    job = stepped()
    result = dg.materialize([step_assets(job)], instance=place.instance)
    assert len(result.get_asset_materialization_events()) == 3


@pytest.mark.parametrize(
    ("executor", "wanted", "queue"),
    [(StepExecutor.CELERY, "celery_steps", None), (StepExecutor.IN_PROCESS, "in_process", "gpu")],
)
@pytest.mark.parametrize("makes", [False, True])
def test_given_an_executor_then_the_steps_run_there_and_the_run_goes_to_its_queue(
    executor: StepExecutor, wanted: str, queue: str | None, makes: bool
) -> None:
    job = stepped(queue="gpu").model_copy(update={"executor": executor})
    if not makes:
        bare = {name: step.model_copy(update={"assets": {}}) for name, step in (job.steps or {}).items()}
        job = job.model_copy(update={"steps": bare})
    made = build(Declarations(jobs={job.name: job}), leave_out=False).resolve_job_def("sales")
    assert made.executor_def.name == wanted
    assert made.run_tags.get(tags.CELERY_QUEUE) == queue


def test_given_two_jobs_that_make_the_same_asset_then_the_second_is_told_of_the_first() -> None:
    first, second = (
        declared(name, command=("true",), assets={"a/b": Asset(name="a/b")}) for name in ("one", "two")
    )
    declarations = Declarations(jobs={job.name: job for job in (first, second)})
    with pytest.raises(NotLoadableError, match="a/b: the job one makes it already"):
        build(declarations, leave_out=False)
    assert "two" not in [job.name for job in build(declarations).jobs or ()]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{command: [x], assets: {a b: }}", "'a b' is no asset key"),
        ("{command: [x], assets: {a: {deps: a}}}", "'a' cannot be made from itself"),
        ("{command: [x], assets: {a: {deps: b}, b: {deps: a}}}", "are made from each other: a -> b -> a"),
        ("{command: [x], assets: {a: {checks: x-y}}}", "'x-y' is not allowed"),
        ("{steps: {s: {command: [x]}}, assets: {a: }}", "assets of a job with steps belong to its steps"),
        ("{steps: {s: {command: [x], assets: {a b: }}}}", "'a b' is no asset key"),
        (
            "{steps: {s: {command: [x], assets: {a: {deps: b}, b: {deps: a}}}}}",
            "jobs.j.steps.s.assets.a.deps: the assets are made from each other: a -> b -> a",
        ),
        (
            "{steps: {s: {command: [x], assets: {a: }}, t: {command: [x], assets: {a: }}}}",
            "jobs.j.steps.t.assets.a: 'a' is made by the step 's' already",
        ),
        (
            "{steps: {s: {command: [x], assets: {a: }}, t: {command: [x], assets: {b: {deps: a}}}}}",
            "'a' is made by the step 's', which 't' does not need",
        ),
        ("{command: [x], executor: celery}", "an executor is for a job with steps"),
        ("{steps: {s: {command: [x]}}, executor: dask}", "executor"),
        (
            "{steps: {s: {command: [x], queue: gpu}}, executor: in_process}",
            "jobs.j.steps.s.queue: with executor: in_process the steps run where the run does",
        ),
    ],
)
def test_given_a_slip_then_check_says_where_and_what_is_allowed(
    tmp_path: Path, text: str, fault: str
) -> None:
    (tmp_path / "jobs.yaml").write_text(f"jobs:\n  j: {text}\n")
    (problem,) = load(tmp_path).problems
    assert fault in str(problem)
