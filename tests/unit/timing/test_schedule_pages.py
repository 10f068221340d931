"""docs/schedules says what is so: its commands print what is shown, its Python runs."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scheduler_defs.cli.main import build
from scheduler_defs.settings import PROJECT_ROOT

PAGES = sorted((PROJECT_ROOT / "docs" / "schedules").glob("*.md"))
BLOCK = re.compile(r"^```(yaml|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def examples() -> list[tuple[str, str, str, str]]:
    """(page, declarations, command, output) of every command shown."""
    found: list[tuple[str, str, str, str]] = []
    for page in PAGES:
        declarations = ""
        for block in BLOCK.finditer(page.read_text()):
            if block[1] == "yaml":
                declarations = block[2]
                continue
            for shown in re.split(r"^\$ ", block[2], flags=re.MULTILINE)[1:]:
                command, _, output = shown.partition("\n")
                found.append((page.name, declarations, command, output))
    return found


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of declarations of the commands that follow."""
    config = tmp_path / "config"
    config.mkdir()
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(config))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    return config


@pytest.mark.parametrize(
    ("declarations", "command", "output"),
    [pytest.param(*rest, id=f"{page} {rest[1].split()[3]}") for page, *rest in examples()],
)
def test_given_an_example_then_the_command_prints_what_is_shown(
    yard: Path, declarations: str, command: str, output: str
) -> None:
    (yard / "schedules.yaml").write_text(declarations)
    program, *arguments = command.split()
    assert program == "signalbox"
    result = CliRunner().invoke(build(arguments), arguments)
    assert result.exception is None
    assert [line.rstrip() for line in result.output.splitlines()] == output.splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_given_a_page_then_its_python_does_what_is_shown(page: Path) -> None:
    text = "\n\n".join(re.findall(r"^```pycon\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE))
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    report: list[str] = []
    doctest.DocTestRunner().run(test, out=report.append)
    assert "".join(report) == ""


def test_given_the_index_then_every_page_is_on_it() -> None:
    index = (PROJECT_ROOT / "docs" / "schedules" / "README.md").read_text()
    assert {page.name for page in PAGES if f"({page.name}" not in index} == {"README.md"}
