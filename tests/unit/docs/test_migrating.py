"""The migration pages name commands that exist, with options that they have, and pages that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from scheduler_defs.cli.main import COMMANDS, build
from tests.unit.docs.runbooks import NAMED

DOCS = Path(__file__).parents[3] / "docs"
PAGES = sorted(DOCS.glob("migrating-from-*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_is_one_of_ours(page: Path) -> None:
    for line in re.findall(r"`signalbox ([^`]+)`", page.read_text(encoding="utf-8")):
        words = line.split()
        assert words[0] in COMMANDS, line
        found = get_command(build([words[0]]))
        for word in words:
            commands = getattr(found, "commands", {})
            if word not in commands:
                break
            found = commands[word]
        assert isinstance(found, typer.core.TyperCommand | typer.core.TyperGroup), line
        options = {
            name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", NAMED)
def test_all_that_the_old_runbook_names_has_a_row(page: str) -> None:
    text = (DOCS / f"migrating-from-{page}.md").read_text(encoding="utf-8")
    left = [re.split(r"(?<!\\)\|", line)[1] for line in text.splitlines() if line.startswith("| ")]
    named = " ".join(left).lower()
    assert [each for each in NAMED[page] if each.lower() not in named] == []
