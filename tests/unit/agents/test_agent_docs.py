"""The pages about agents say what is so: their declarations hold, their commands exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import typer.main

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.cli.main import COMMANDS, build
from scheduler_defs.declarations import load
from scheduler_defs.declarations.models.declared import Agent
from scheduler_defs.settings import PROJECT_ROOT
from tests.real_agents import test_real_agents, test_refusals
from tests.real_agents.scenarios import SCENARIOS, table
from tests.unit.agents.bench import Bench
from tests.unit.task_queue.asking import add

AGENTS = (PROJECT_ROOT / "docs" / "agents.md").read_text()
MIGRATING = (PROJECT_ROOT / "docs" / "migrating-from-tinyscheduler.md").read_text()
PROGRAMS = PROJECT_ROOT / "docs" / "programs"
GUIDE = (
    "Daily operations",
    "Queue monitoring",
    "Agent pool management",
    "Troubleshooting",
    "Performance tuning",
    "Maintenance procedures",
    "Emergency procedures",
)
"""Sections of TinyScheduler's operations guide that have commands in them."""


def documented(folder: Path) -> Iterator[Agent]:
    """The agents of the pages' examples. Fails for one with a fault."""
    (folder / "recipes").mkdir()
    (folder / "recipes" / "build.yaml").write_text("")
    pages = [AGENTS, *(page.read_text() for page in sorted(PROGRAMS.glob("*.md")))]
    examples = [each for page in pages for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    for number, example in enumerate(examples):
        config = folder / f"config{number}"
        config.mkdir()
        (config / "agents.yaml").write_text(example)
        found = load(config, recipes=folder / "recipes")
        assert [str(problem) for problem in found.problems] == []
        yield from found.declarations.agents.values()


def test_given_the_documented_agents_when_checked_then_they_have_no_faults(tmp_path: Path) -> None:
    assert {agent.name: agent.command[0] for agent in documented(tmp_path)} == {
        "vaela": "python3",
        "claude-team": "claude",
        "goose-dev": "goose",
        "claude-dev": "claude",
        "codex-dev": "codex",
        "opencode-dev": "opencode",
        "aider-docs": "aider",
        "coder": "claude",
    }


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_the_documented_agents_when_they_run_then_every_placeholder_stands_for_something(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With a program that does nothing in the place of the agent's."""
    argv = ["true"]
    for agent in documented(tmp_path_factory.mktemp("page")):
        argv += [word for word in agent.command if re.search(r"\{(task|agent|run)\.", word)]
    (bench.folder / "recipes" / "build.yaml").write_text("")
    bench.declare(argv, recipe="build.yaml")
    id = add(bench.queue)
    assert bench.run().status is dg.DagsterRunStatus.SUCCESS
    assert bench.queue.get(id).status is TaskStatus.COMPLETE


def test_given_the_page_of_programs_then_its_table_is_what_the_real_ones_are_taken_through() -> None:
    assert table() in (PROGRAMS / "README.md").read_text()
    tested = {
        mark.args[0]
        for module in (test_real_agents, test_refusals)
        for name, test in vars(module).items()
        if name.startswith("test_")
        for mark in getattr(test, "pytestmark", ())
        if mark.name == "scenario"
    }
    assert tested == set(SCENARIOS)


def test_given_the_guides_sections_then_each_has_a_table_of_commands() -> None:
    titles = re.findall(r"^### (.*)$", MIGRATING, re.MULTILINE)
    assert titles == [*GUIDE, "Other commands"]


@pytest.mark.parametrize("page", [AGENTS, MIGRATING], ids=["agents", "migrating"])
def test_given_the_documented_commands_then_they_and_their_options_exist(page: str) -> None:
    lines = re.findall(r"`(signalbox [^`]*)`", page)
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL):
        lines += [line for line in block.splitlines() if line.startswith("signalbox ")]
    assert len(lines) > 10
    for line in lines:
        for words in alternatives(line):
            assert_exists(words)


def alternatives(line: str) -> Iterator[list[str]]:
    """The command's words without redirections and comments; `a|b|c` stands for three commands."""
    words = shlex.split(line.split(" > ")[0].split(" < ")[0], comments=True)
    choice = next((place for place, word in enumerate(words) if "|" in word), None)
    if choice is None:
        yield words
    else:
        for word in words[choice].split("|"):
            yield [*words[:choice], word, *words[choice + 1 :]]


def assert_exists(words: list[str]) -> None:
    command, rest = program(), words[1:]
    while rest and rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    assert command is not program(), words
    assert not hasattr(command, "commands") or command.invoke_without_command, words
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.split("=")[0] for word in rest if word.startswith("-")} <= options, words


@cache
def program() -> Any:
    return typer.main.get_command(build(["signalbox", *COMMANDS]))
