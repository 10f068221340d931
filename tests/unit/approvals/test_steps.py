"""People agree to a step: the run ends before it, and another one, which is held, goes on with it once."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs import tags
from scheduler_defs.approvals.deciding import NotAllowed, approve
from scheduler_defs.approvals.stages import OPEN
from scheduler_defs.declarations import load
from scheduler_defs.execution import stages_due
from scheduler_defs.execution.admission import holding
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


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ("{a: {command: [x], approve: yes}}", "nothing comes before this step"),
        (
            "{a: {command: [x], assets: {made: }}, b: {command: [x], needs: [a], approve: yes}}",
            "a job whose steps make assets is one run",
        ),
    ],
)
def test_given_a_step_that_cannot_be_agreed_to_then_the_fault_says_what_can(
    tmp_path: Path, steps: str, fault: str
) -> None:
    (tmp_path / "jobs.yaml").write_text(f"jobs:\n  release: {{steps: {steps}}}\n")
    (problem,) = load(tmp_path).problems
    assert fault in str(problem)
