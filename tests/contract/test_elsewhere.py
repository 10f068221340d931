"""What is found in another location's workspace, and what becomes of what is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import RunRequest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon import sensor
from dagster._scheduler import scheduler

from scheduler_defs import tags
from scheduler_defs.execution.admission import job_settings as admission
from scheduler_defs.execution.admission.completing import JobDeclares
from scheduler_defs.execution.admission.job_settings import of_location
from scheduler_defs.execution.dagster_patches.elsewhere_runs import submitted
from scheduler_defs.execution.elsewhere.checking import missing_in
from scheduler_defs.execution.elsewhere.creating import launchable
from scheduler_defs.execution.elsewhere.finding import find
from scheduler_defs.execution.elsewhere.partitions import partition_keys
from scheduler_defs.execution.elsewhere.target import NotThereError, Target, parse
from scheduler_defs.execution.workspace_file import entries

DUE = dt.datetime(2026, 3, 5, 2, 0, tzinfo=dt.UTC)
PROJECT = Path(__file__).with_name("elsewhere_project.py")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceProcessContext]:
    """The workspace of a daemon with one location, `ml`; nothing is launched."""
    folder = tmp_path_factory.mktemp("instance")
    target = PythonFileTarget(str(PROJECT), None, str(PROJECT.parent), "ml")
    with (
        dg.DagsterInstance.local_temp(str(folder)) as instance,
        WorkspaceProcessContext(instance, target) as found,
    ):
        yield found


def look(context: WorkspaceProcessContext, **target: Any) -> Any:
    wanted = Target("ml", **target).at(DUE)
    found = find(context.create_request_context(), wanted)
    if found.partitions is None:
        return found
    keys = partition_keys(found.partitions, wanted, DUE, context.instance)
    return found.of_partition(keys[-1], context.instance)


def test_given_a_job_then_it_is_found_and_a_vanished_one_is_not(context: WorkspaceProcessContext) -> None:
    assert look(context, job="train").job.name == "train"
    with pytest.raises(
        NotThereError, match="location ml has no job 'gone'; it has daily_job, region_job, train"
    ):
        look(context, job="gone")


@pytest.mark.parametrize(
    ("selection", "keys"),
    [("group:daily", {"numbers"}), ('key:"letters"', {"letters"}), ("letters", {"letters"})],
)
def test_given_a_selection_in_dagsters_syntax_then_its_assets_are_found(
    context: WorkspaceProcessContext, selection: str, keys: set[str]
) -> None:
    found = look(context, selection=selection)
    assert {key.to_user_string() for key in found.assets} == keys
    assert found.job.name == "__ASSET_JOB"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"selection": "group:nothing"}, "ml/group:nothing selects no asset that can be made"),
        ({"selection": "group:("}, r"ml/group:\(: "),
        ({"selection": "group:daily or group:regions"}, "have different partitions"),
        ({"job": "train", "partition": "latest"}, "ml/train has no partitions"),
        ({"job": "train", "last": 3}, "ml/train has no partitions, and partition: wants 'last: 3'"),
        ({"job": "region_job"}, "has partitions without periods: partition: must say which"),
        ({"job": "daily_job", "partition": "%Y"}, "has no partition '2026' at 2026-03-05"),
    ],
)
def test_given_what_is_not_there_then_one_line_says_what(
    context: WorkspaceProcessContext, target: dict[str, str], said: str
) -> None:
    with pytest.raises(NotThereError, match=said):
        look(context, **target)


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ({"job": "daily_job"}, "2026-03-04"),
        ({"job": "daily_job", "partition": "latest"}, "2026-03-04"),
        ({"job": "daily_job", "partition": "%Y-%m-01"}, "2026-03-01"),
        ({"selection": "group:daily"}, "2026-03-04"),
        ({"job": "region_job", "partition": "europe"}, "europe"),
        ({"job": "region_job", "partition": "latest"}, "asia"),
    ],
)
def test_given_partitions_then_the_one_of_the_period_before_or_the_one_that_is_named(
    context: WorkspaceProcessContext, target: dict[str, str], key: str
) -> None:
    assert look(context, **target).tags["dagster/partition"] == key


def test_given_a_location_that_is_not_declared_then_that_is_said(context: WorkspaceProcessContext) -> None:
    with pytest.raises(NotThereError, match="there is no location 'other'; there are ml"):
        find(context.create_request_context(), Target("other", job="train"))


def test_given_a_request_for_what_is_not_there_then_its_run_fails_with_that_reason_and_is_not_tried_again(
    context: WorkspaceProcessContext,
) -> None:
    run_id = "8a1f1c1e-0000-4000-8000-000000000001"
    asked = {tags.ELSEWHERE: Target("ml", job="gone").dumped(), tags.ORDERED_RUN: run_id}
    policy = {tags.MAX_ATTEMPTS: "3", tags.ATTEMPT: "1", tags.RETRIES: "{}"}
    request = RunRequest(run_key="key", tags={**asked, **policy, tags.JOB: "ml/gone"})
    run, existed = submitted(context, request, run_id, {})
    assert (run.run_id, existed) == (run_id, False)
    found = context.instance.get_run_by_id(run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.FAILURE
    assert found.tags[tags.MAX_ATTEMPTS] == "1"
    assert not {tags.RETRIES, tags.ELSEWHERE, tags.ORDERED_RUN} & found.tags.keys()
    said = [log.message for log in context.instance.all_logs(run_id)]
    assert any("location ml has no job 'gone'" in line for line in said)
    assert submitted(context, request, run_id, {})[1] is True


def test_given_a_run_then_it_is_the_other_locations_with_its_tags_and_partition(
    context: WorkspaceProcessContext,
) -> None:
    workspace = context.create_request_context()
    run = launchable(
        workspace, Target("ml", selection="group:daily").at(DUE), {}, {tags.JOB: "ml/group:daily"}
    )
    assert run.remote_job_origin is not None
    assert run.remote_job_origin.location_name == "ml"
    assert run.asset_selection == {dg.AssetKey("numbers")}
    assert run.tags["dagster/partition"] == "2026-03-04"
    assert launchable(workspace, Target("ml", job="train"), {}, {}).tags["team"] == "ml"


def test_given_the_next_attempt_of_a_run_then_its_partition_is_the_one_in_its_tags(
    context: WorkspaceProcessContext,
) -> None:
    again = Target("ml", job="__ASSET_JOB", assets=("numbers",), again=True)
    assert parse(again.dumped()) == again
    run = launchable(context.create_request_context(), again, {}, {"dagster/partition": "2026-01-02"})
    assert run.tags["dagster/partition"] == "2026-01-02"


def test_given_dagsters_loops_then_they_submit_by_the_functions_that_are_replaced() -> None:
    for module in (scheduler, sensor):
        assert callable(module._submit_run_request)


def test_given_entries_of_a_workspace_file_then_they_are_read_as_dagster_reads_them(tmp_path: Path) -> None:
    document: dict[str, object] = {"load_from": [{"python_package": "ml"}, {"python_file": "defs.py"}]}
    found = entries(document, tmp_path / "workspace.yaml")
    assert [each.name for each in found] == ["ml", "defs.py"]
    assert found[0].options == ("--package-name", "ml")


def test_given_runs_of_locations_then_their_queue_is_the_declared_one_unless_their_job_says_another(
    context: WorkspaceProcessContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "queue_of_location", {"ml": "gpu"}.get)
    run = launchable(context.create_request_context(), Target("ml", job="train"), {}, {})
    assert of_location(run, JobDeclares()) == JobDeclares({tags.CELERY_QUEUE: "gpu"}, "ml/train")
    assert of_location(run, JobDeclares({}, "theirs")).job == "theirs"
    own = {tags.CELERY_QUEUE: "own"}
    assert of_location(run, JobDeclares(own)).tags == own
    assert of_location(dg.DagsterRun(job_name="train"), JobDeclares()).tags == {}


def test_given_what_is_declared_then_what_is_not_there_is_named_before_it_is_due(
    context: WorkspaceProcessContext,
) -> None:
    targets = {
        "there": Target("ml", job="train"),
        "of a partition that is not there yet": Target("ml", job="daily_job", partition="2099-01-01"),
        "gone": Target("ml", job="gone"),
        "nothing": Target("ml", selection="group:none"),
        "no partitions": Target("ml", job="train", last=2),
        "not served yet": Target("new", job="train"),
    }
    assert missing_in(context.create_request_context(), targets) == {
        "gone": "location ml has no job 'gone'; it has daily_job, region_job, train",
        "nothing": "ml/group:none selects no asset that can be made",
        "no partitions": "ml/train has no partitions, and partition: wants 'last: 2'",
    }
