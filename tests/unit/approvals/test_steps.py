"""People agree to a step: the run ends before it, and another one, which is held, goes on with it once."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs import tags
from scheduler_defs.approvals.deciding import NotAllowed, approve
from scheduler_defs.approvals.stages import OPEN
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.declared import Job
from scheduler_defs.execution import stages_due
from scheduler_defs.execution.admission import holding
from scheduler_defs.jobs.commands.assets.job import assets_job
from scheduler_defs.jobs.commands.assets.of_command import command_assets
from scheduler_defs.jobs.commands.assets.of_steps import step_assets
from scheduler_defs.jobs.commands.stages import done_in
from scheduler_defs.jobs.commands.steps_job import build_steps_job
from sensors.stages import request
from tests.unit.approvals.setting import Yard, person
from tests.unit.execution.dequeue.setting import submit_job

STEPS = """
jobs:
  release:
    executor: in_process
    approve: {{who: [ann]}}
    cwd: {cwd}
    steps:
      build: {{command: [sh, -c, "echo build >> log"]}}
      ship: {{command: [sh, -c, "echo ship >> log"], needs: [build], approve: {{who: [ben], not_requester: yes}}}}
      tell: {{command: [sh, -c, "echo tell >> log"], needs: [ship]}}
      close: {{command: [sh, -c, "echo close >> log"], needs: [tell], approve: yes}}
"""


@pytest.fixture
def job(yard: Yard, tmp_path: Path) -> dg.JobDefinition:
    (yard.config / "jobs.yaml").write_text(STEPS.format(cwd=tmp_path))
    found = load(yard.config)
    assert found.problems == ()
    return build_steps_job(found.declarations.jobs["release"])


def executed(yard: Yard, job: dg.JobDefinition, run_tags: dict[str, str]) -> dg.DagsterRun:
    """A run with these tags, as far as it goes."""
    done = job.execute_in_process(instance=yard.queue.instance, tags=run_tags)
    run = yard.queue.instance.get_run_by_id(done.run_id)
    assert run is not None and run.status is dg.DagsterRunStatus.SUCCESS
    return run


def test_given_steps_to_agree_to_when_each_run_has_ended_then_the_next_goes_on_where_it_stopped(
    yard: Yard, job: dg.JobDefinition, tmp_path: Path
) -> None:
    log, run_tags = tmp_path / "log", {"team": "ops"}
    for said, next_steps in (("build", "ship"), ("build ship tell", "close")):
        run = executed(yard, job, run_tags)
        assert log.read_text().split() == said.split()
        assert run.tags[tags.NEXT_STAGE] == OPEN
        with yard.engine.connect() as connection:
            assert run.run_id in stages_due.due(connection)[0]
        following = request(yard.queue.instance, run)
        assert following.tags[tags.GATES] == next_steps
        run_tags = {key: following.tags[key] for key in (tags.GATES, tags.AFTER_RUN, "team")}
    last = executed(yard, job, run_tags)
    assert log.read_text().split() == ["build", "ship", "tell", "close"]
    assert tags.NEXT_STAGE not in last.tags


def test_given_the_run_that_goes_on_then_it_is_held_for_the_step_alone_and_there_is_one(
    yard: Yard, job: dg.JobDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "is_persons_process", lambda: False)  # as in the daemon
    run = executed(yard, job, {tags.ACTOR: "ben"})
    following = request(yard.queue.instance, run)
    run_tags = {**following.tags, "dagster/run_key": following.run_key or ""}
    held = submit_job(yard.queue.instance, job, run_tags)
    (approval,) = yard.waiting()
    assert (approval["kind"], approval["name"], approval["run_id"]) == ("step", "release/ship", held)
    assert yard.passes() == []
    assert submit_job(yard.queue.instance, job, run_tags) == held
    with yard.engine.connect() as connection:
        assert stages_due.due(connection) == ([], [run.run_id])
    with pytest.raises(NotAllowed, match="ben asked for the run"):
        approve(yard.engine, approval["id"], person("ben"))


def test_given_somebody_who_launches_with_such_tags_then_he_needs_what_the_job_wants_as_well(
    yard: Yard, job: dg.JobDefinition
) -> None:
    submit_job(yard.queue.instance, job, {tags.GATES: "ship", tags.AFTER_RUN: "none"})
    assert [each["kind"] for each in yard.waiting()] == ["job", "step"]


FIRST = """
jobs:
  release: {executor: in_process, steps: {STEPS}}
"""


def declared(yard: Yard, steps: str) -> Job:
    (yard.config / "jobs.yaml").write_text(FIRST.replace("STEPS", steps))
    found = load(yard.config)
    assert found.problems == ()
    return found.declarations.jobs["release"]


def test_given_a_first_step_to_agree_to_then_the_run_is_held_for_it_before_it_starts_and_is_one(
    yard: Yard,
) -> None:
    steps = "a: {command: [echo], approve: {who: [ben]}}, b: {command: [echo], needs: [a]}"
    job = build_steps_job(declared(yard, steps))
    asked = submit_job(yard.queue.instance, job, {tags.GATES: "", tags.AFTER_RUN: "none"})
    (approval,) = yard.waiting()
    assert (approval["kind"], approval["name"], approval["run_id"]) == ("step", "release/a", asked)
    assert yard.passes() == []
    approve(yard.engine, approval["id"], person("ben"))
    assert yard.passes() == [asked]
    run = executed(yard, job, {})
    assert tags.NEXT_STAGE not in run.tags
    assert set(done_in(yard.queue.instance, run.run_id, "release")) == {"a", "b"}


def test_given_first_steps_of_which_one_needs_nobody_then_that_one_is_done_before_people_agree(
    yard: Yard,
) -> None:
    job = build_steps_job(declared(yard, "a: {command: [echo], approve: yes}, b: {command: [echo]}"))
    submit_job(yard.queue.instance, job, {})
    assert yard.waiting() == []
    run = executed(yard, job, {})
    assert set(done_in(yard.queue.instance, run.run_id, "release")) == {"b"}
    assert request(yard.queue.instance, run).tags[tags.GATES] == "a"


def test_given_a_first_and_a_later_step_then_the_run_is_held_for_the_one_and_the_next_for_the_other(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "is_persons_process", lambda: False)  # as in the daemon
    steps = "a: {command: [echo], approve: yes}, b: {command: [echo], needs: [a], approve: yes}"
    job = build_steps_job(declared(yard, steps))
    submit_job(yard.queue.instance, job, {})
    assert [each["name"] for each in yard.waiting()] == ["release/a"]
    run = executed(yard, job, {})
    following = request(yard.queue.instance, run)
    submit_job(yard.queue.instance, job, {**following.tags, "dagster/run_key": following.run_key or ""})
    assert [each["name"] for each in yard.waiting()] == ["release/a", "release/b"]


MAKING = """
a: {command: [echo], assets: {fruit/apples: }},
b: {command: [echo], needs: [a], approve: {who: [ben]}, assets: {fruit/juice: {deps: [fruit/apples]}}},
"""


def test_given_steps_that_make_assets_then_the_run_is_held_at_once_for_each_that_wants_it_however_launched(
    yard: Yard,
) -> None:
    job = declared(yard, MAKING)
    assets = step_assets(job)
    own = dg.Definitions(assets=[assets], jobs=[assets_job(job)])
    by_name = submit_job(yard.queue.instance, own.resolve_job_def("release"), {})
    by_button = submit_job(
        yard.queue.instance, own.resolve_implicit_global_asset_job_def(), {tags.JOB: "other"}
    )
    found = [(each["name"], each["job"], each["run_id"]) for each in yard.waiting()]
    assert found == [("release/b", "release", by_name), ("release/b", "release", by_button)]
    assert yard.passes() == []


def test_given_a_job_that_makes_assets_and_wants_approval_then_other_jobs_that_make_them_wait_for_it(
    yard: Yard,
) -> None:
    text = "jobs:\n  {0}: {{command: [echo], approve: yes, assets: {{made/{0}: }}}}\n"
    (yard.config / "jobs.yaml").write_text(text.format("one"))
    (yard.config / "more.yaml").write_text(text.format("two"))
    jobs = load(yard.config).declarations.jobs.values()
    own = dg.Definitions(assets=[command_assets(job) for job in jobs])
    both = submit_job(yard.queue.instance, own.resolve_implicit_global_asset_job_def(), {})
    found = [(each["kind"], each["name"], each["job"], each["run_id"]) for each in yard.waiting()]
    assert found == [("job", "one", "one", both), ("job", "two", "two", both)]
