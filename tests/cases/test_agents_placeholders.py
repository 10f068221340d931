"""What stands in braces in a command stands for something, and addresses are addresses."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scheduler_defs.agents.task_queue.models import Task, TaskStatus
from scheduler_defs.agents.working import given as agent_given
from scheduler_defs.alerting.channels.email import parse
from scheduler_defs.declarations import load
from scheduler_defs.declarations.placeholders import OF_AGENTS
from scheduler_defs.settings import PROJECT_ROOT


def faults(folder: Path, text: str) -> list[str]:
    (folder / "a.yaml").write_text(text)
    return [f"{problem.path}: {problem.message}" for problem in load(folder).problems]


@pytest.mark.case("agents-X-placeholder-typo")
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{task.tittle}", "{task.tittle} stands for nothing; did you mean 'title'?"),
        ("{agent.nam}", "{agent.nam} stands for nothing; did you mean 'name'?"),
        ("{run.task}", "{run.task} stands for nothing; did you mean 'task_file'?"),
        ("{task.title.first}", "{task.title.first} stands for nothing: task.title has no parts"),
        ("{payload.x}", "{payload.x} stands for nothing; write {task.payload.x}"),
    ],
)
def test_a_slip_in_an_agents_command_is_a_fault(tmp_path: Path, written: str, said: str) -> None:
    text = f"agents: {{typo: {{queue: typo, command: [echo, '{written}']}}}}"
    assert faults(tmp_path, text) == [f"agents.typo.command[1]: {said}"]


@pytest.mark.case("agents-X-placeholder-typo")
@pytest.mark.parametrize(
    "written", ["{task.payload.a.b}", "{task.result.x}", "{agent.name}", "{run.id}", '{"a": 1}', "{x.y}"]
)
def test_what_stands_for_something_or_is_somebody_elses_is_none(tmp_path: Path, written: str) -> None:
    (tmp_path / "a.yaml").write_text(f"agents: {{a: {{queue: q, command: [echo, '{written}']}}}}")
    assert load(tmp_path).problems == ()


@pytest.mark.case("agents-X-placeholder-typo")
@pytest.mark.parametrize("written", ["{params.roows}", "{run.iid}", "{task.id}"])
def test_a_slip_in_a_jobs_command_is_a_fault(tmp_path: Path, written: str) -> None:
    text = f"jobs: {{j: {{command: [echo, '{written}'], params: {{rows: {{type: integer, default: 1}}}}}}}}"
    (fault,) = faults(tmp_path, text)
    assert fault.startswith("jobs.j.command[1]: ")


def test_the_names_are_those_that_a_command_is_filled_with() -> None:
    now = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    task = Task(
        id=1, title="t", queue="q", status=TaskStatus.IDLE, created=now, updated=now, created_by="ann"
    )
    agent: Any = SimpleNamespace(name="a", queues=(), limit=1, capabilities=(), recipe=None, timeout=None)
    context: Any = SimpleNamespace(run_id="r")
    given = agent_given.values_of(context, agent, task, PROJECT_ROOT)
    files = {"task_file", "report_file"}  # known once the run has its folder
    assert {family: set(names) for family, names in given.items()} == {
        **{family: names for family, names in OF_AGENTS.items() if family != "workspace"},  # of its worktree
        "run": OF_AGENTS["run"] - files,
    }


@pytest.mark.case("attack-i1-alerts")
@pytest.mark.parametrize("address", ["a@b.c\\nBcc: x@y.z", "not an address", "a@b.c, d@e.f", "<a@b.c>", "a@"])
def test_what_is_no_address_is_a_fault(tmp_path: Path, address: str) -> None:
    text = f'alerts: {{channels: {{m1: {{type: email, url_env: MAIL, to: ["{address}"]}}}}}}'
    (fault,) = faults(tmp_path, text)
    assert fault.startswith("alerts.channels.m1.to")
    assert "is no e-mail address in ASCII, such as ann@example.org" in fault


@pytest.mark.case("attack-i1-alerts")
def test_a_sender_that_is_no_address_is_refused_before_anything_is_sent() -> None:
    assert parse("smtp://host?from=ann@example.org").sender == "ann@example.org"
    with pytest.raises(ValueError, match="from="):
        parse("smtp://host?from=a@b.c%0ABcc:%20x@y.z")


@pytest.mark.case("attack-e1-argv")
@pytest.mark.parametrize("page", ["agents.md", "jobs.md"])
def test_the_page_says_that_an_argument_by_itself_may_be_an_option(page: str) -> None:
    text = (PROJECT_ROOT / "docs" / page).read_text()
    assert "`--help` is an option" in text
    assert "after `--`" in text
