"""`job: LOCATION/JOB`, `assets:` and `partition:`: what they mean, what is wrong, and what is launched."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from scheduler_defs import launching, tags
from scheduler_defs.approvals.holds import holds_of
from scheduler_defs.assembly import build
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.errors import SignalboxError
from scheduler_defs.execution.elsewhere.target import Target, parse
from scheduler_defs.jobs.elsewhere_name import OF_ANOTHER_LOCATION
from tests.unit.declarations.yards import lines, load_yard

LOCATIONS = "locations: {ml: {python_file: ml.py}}\n"
DUE = dt.datetime(2026, 3, 5, 2, 0, tzinfo=dt.UTC)

FAULTS = {
    "job: ml/": "4:10: schedules.s.job: must be LOCATION/JOB, such as ml/train",
    "job: mll/train": "4:10: schedules.s.job: there is no location 'mll'; did you mean 'ml'?",
    "assets: ml/": "4:13: schedules.s.assets: must be LOCATION/SELECTION, such as ml/train",
    "assets: daily": "4:13: schedules.s.assets: must be LOCATION/SELECTION, such as ml/train",
    "job: ml/train\n    assets: ml/all": "5:13: schedules.s.assets: has both job and assets; choose one",
    "job: log_triage\n    partition: latest": "5:16: schedules.s.partition: is for jobs and assets of other locations: LOCATION/JOB",
    "job: ml/train\n    config: {folder: x}": "5:22: schedules.s.config.folder: a job of another location takes Dagster's run config: execution, loggers, ops, resources",
    "job: ml/train\n    partition: {last: 0}": "5:23: schedules.s.partition.last: must be at least 1, not '0'",
    "job: log_triage\n    catch_up: backfill": "5:15: schedules.s.catch_up: backfill is for jobs and assets of other locations: LOCATION/JOB",
    "every: 1h": "3:3: schedules.s: the key 'job' is missing",
}


@pytest.mark.parametrize(("text", "expected"), FAULTS.items(), ids=FAULTS.keys())
def test_given_a_fault_when_checked_then_one_line_says_where_and_what_is_allowed(
    tmp_path: Path, text: str, expected: str
) -> None:
    rule = "" if "every" in text else "\n    every: 1h"
    result = load_yard(tmp_path, f"{LOCATIONS}schedules:\n  s:\n    {text}{rule}\n")
    assert lines(result) == [f"a.yaml:{expected}"]


def declared(tmp_path: Path, text: str) -> Declarations:
    result = load_yard(tmp_path, f"{LOCATIONS}schedules:\n  s: {{{text}, every: 1h}}\n")
    assert result.problems == ()
    return result.declarations


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("job: ml/train", Target("ml", job="train")),
        ("assets: 'ml/group:daily'", Target("ml", selection="group:daily")),
        ("job: ml/train, partition: '%Y'", Target("ml", job="train", partition="%Y")),
        ("job: ml/train, partition: {last: 7}", Target("ml", job="train", last=7)),
    ],
)
def test_given_what_is_elsewhere_then_its_occurrence_asks_for_it_there(
    tmp_path: Path, text: str, target: Target
) -> None:
    found = declared(tmp_path, text + ", timezone: Europe/Berlin")
    schedule = found.schedules["s"]
    launch = launching.for_occurrence(found, schedule, DUE)
    asked = parse(launch.tags[tags.ELSEWHERE])
    assert launch.job == OF_ANOTHER_LOCATION
    assert asked == target.at(DUE.astimezone(schedule.zone))
    assert asked.due == "2026-03-05T03:00:00+01:00"
    assert launch.tags[tags.JOB] == schedule.job == target.name
    assert launching.for_run_now(found, schedule).tags[tags.JOB] == schedule.job


def test_given_run_config_then_it_is_passed_on_as_it_is(tmp_path: Path) -> None:
    found = declared(tmp_path, "job: ml/train, config: {ops: {a: {config: {b: 1}}}}")
    launch = launching.for_occurrence(found, found.schedules["s"], DUE)
    assert launch.run_config == {"ops": {"a": {"config": {"b": 1}}}}


def test_given_such_a_schedule_then_dagster_has_it_over_the_job_that_stands_for_others(
    tmp_path: Path,
) -> None:
    definitions = build(declared(tmp_path, "job: ml/train"))
    (schedule,) = definitions.schedules or ()
    assert schedule.job_name == OF_ANOTHER_LOCATION  # type: ignore[union-attr]
    assert OF_ANOTHER_LOCATION not in {job.name for job in build(Declarations()).jobs or ()}


def test_given_a_job_by_hand_then_its_location_must_be_declared(tmp_path: Path) -> None:
    found = declared(tmp_path, "job: ml/train")
    assert parse(launching.for_job(found, "ml/train").tags[tags.ELSEWHERE]) == Target("ml", job="train")
    with pytest.raises(SignalboxError, match="there is no location 'nl'; declared: ml"):
        launching.for_job(found, "nl/train")


def test_given_a_trigger_then_it_may_name_such_a_job(tmp_path: Path) -> None:
    result = load_yard(tmp_path, LOCATIONS + "triggers: {t: {secret: A, job: ml/train}}\n")
    assert result.problems == ()
    result = load_yard(tmp_path, LOCATIONS + "triggers: {t: {secret: A, job: mll/train}}\n")
    assert lines(result) == ["a.yaml:2:32: triggers.t.job: there is no location 'mll'; did you mean 'ml'?"]


def test_given_what_runs_elsewhere_then_all_of_it_is_known_by_where_it_is_declared(tmp_path: Path) -> None:
    text = "schedules: {s: {assets: ml/all, every: 1h}, own: {job: log_triage, every: 1h}}\n"
    result = load_yard(tmp_path, LOCATIONS + text + "triggers: {t.u: {secret: A, job: ml/train}}\n")
    found = launching.targets_elsewhere(result.declarations)
    assert {path: target.name for path, (target, _) in found.items()} == {
        "schedules.s.assets": "ml/all",
        "triggers.t.u.job": "ml/train",
    }


def test_given_a_location_whose_runs_need_people_then_each_of_its_runs_waits_for_them(tmp_path: Path) -> None:
    text = "locations: {ml: {python_file: ml.py, approve: {needs: 2}}}\n"
    text += "limits: {one: {key: signalbox/job, value: ml/train, limit: 1, approve: yes}}\n"
    found = load_yard(tmp_path, text).declarations
    holds = holds_of(found, "ml/train", {tags.JOB: "ml/train"})
    assert [(each.source, each.needs) for each in holds] == [("location:ml", 2), ("limit:one", 1)]
    assert holds_of(found, "train", {tags.JOB: "train"}) == []
