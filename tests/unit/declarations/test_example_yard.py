"""The yard in config/: the first thing that anybody sees."""

from __future__ import annotations

import datetime as dt

import pytest

from scheduler_defs.declarations import LoadResult, load
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.timing import next_occurrence


@pytest.fixture(scope="module")
def yard() -> LoadResult:
    return load(PROJECT_ROOT / "config", now=dt.datetime.now(dt.UTC))


def test_given_the_example_yard_when_checked_then_it_has_no_faults(yard: LoadResult) -> None:
    assert [str(problem) for problem in yard.problems] == []


def test_given_the_example_yard_when_started_then_something_runs_within_a_minute(yard: LoadResult) -> None:
    now = dt.datetime.now(dt.UTC)
    heartbeat = yard.declarations.schedules["heartbeat"]
    due = next_occurrence(heartbeat.timing, now, heartbeat.policies)
    assert heartbeat.enabled and due is not None and due - now <= dt.timedelta(minutes=1)


def test_given_the_example_yard_when_read_then_it_shows_every_kind(yard: LoadResult) -> None:
    declared = yard.declarations
    assert {each.kind for each in declared.schedules.values()} == {
        *("cron", "every", "rrule", "at", "conditional")
    }
    assert {"log_triage", "service_map", "gpu_report"} <= {each.job for each in declared.schedules.values()}
    assert any(not each.enabled for each in declared.schedules.values())
    assert any(job.steps for job in declared.jobs.values())
    assert declared.limits and declared.directives
    assert {queue for agent in declared.agents.values() for queue in agent.queues} == {"dev", "qa"}
    assert list(declared.agents) == ["vaela", "damien", "oscar", "kalis"]


def test_given_the_example_jobs_when_their_programs_are_looked_for_then_only_python_is_needed(
    yard: LoadResult,
) -> None:
    commands = [job.command for job in yard.declarations.jobs.values() if job.command]
    commands += [
        step.command for job in yard.declarations.jobs.values() for step in (job.steps or {}).values()
    ]
    assert {command[0] for command in commands} == {"python3"}
