"""Every page: its commands are ours and have these options; its links, paths, variables and targets are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from scheduler_defs.cli.folders import GLOBAL_OPTIONS
from scheduler_defs.cli.main import COMMANDS, build
from scheduler_defs.declarations import load
from scheduler_defs.declarations.published import environment
from scheduler_defs.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
PAGES = [
    *(PROJECT_ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
    *sorted(DOCS.rglob("*.md")),
]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"(?:^|[\s/|;&$])signalbox (?=[a-z-])(.*)")
OF_OURS_ONLY = [page for page in PAGES if not page.name.startswith("migrating-from-")]
"""The others name files and targets of other systems, too."""


def named(page: Path) -> str:
    return str(page.relative_to(PROJECT_ROOT))


@pytest.fixture(params=PAGES, ids=named)
def page(request: pytest.FixtureRequest) -> Path:
    return request.param


def commands(text: str) -> Iterator[str]:
    """What follows `signalbox` in the blocks of a page, and in its sentences."""
    for _, language, block in FENCE.findall(text):
        if language in ("sh", "console", "text"):
            for line in block.replace("\\\n", " ").splitlines():
                if found := OURS.search(line.partition(" #")[0]):
                    yield found[1]
    prose = re.sub(r"\s*\n\s*", " ", FENCE.sub("", text))
    yield from re.findall(r"`(?:[^`\s]*/)?signalbox ([^`]+)`", prose)


@cache
def program(command: str) -> Any:
    return get_command(build([command]))


def fault(line: str) -> str | None:
    """What is wrong with a command line as pages show it: with choices `a|b`, and parts in brackets."""
    begin = re.split(r" -- |[|;&>]", line.replace("\\|", "/"))[0]
    words = re.sub(r"[\[\]]", "", begin).split()
    while words and words[0] in GLOBAL_OPTIONS:
        words = words[2:]
    if not words or words[0] in ("--help", "--version") or "=" in words[0]:
        return None
    if words[0] not in COMMANDS:
        return f"no command {words[0]}"
    found = program(words[0])
    for word in words:
        below = getattr(found, "commands", None)
        if not below or (word.startswith("-") and getattr(found, "invoke_without_command", False)):
            break
        if word not in below:
            return f"no command {word}"
        found = below[word]
    known = {name for each in found.params for name in (*each.opts, *each.secondary_opts)}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    unknown = used - known - {*GLOBAL_OPTIONS, "--help"}
    return f"no option {', '.join(sorted(unknown))}" if unknown else None


def test_given_a_page_then_its_commands_are_ours(page: Path) -> None:
    found = {line: fault(line) for line in commands(page.read_text(encoding="utf-8"))}
    assert {line: why for line, why in found.items() if why} == {}


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.strip().lower()).replace(" ", "-") for each in headings}


def test_given_a_page_then_its_links_lead_somewhere(page: Path) -> None:
    lost: list[str] = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        path, _, heading = target.partition("#")
        linked = page.parent / path if path else page
        if not linked.exists() or (heading and heading not in anchors(linked)):
            lost.append(target)
    assert lost == []


def test_given_a_page_then_the_variables_it_names_are_ours(page: Path) -> None:
    parts = (environment.READ, environment.FOR_JOBS, environment.FOR_AGENTS, environment.INSIDE)
    known = {name for part in parts for name in part}
    named = set(re.findall(r"\b_?SIGNALBOX_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named - known == set()


@pytest.mark.parametrize("page", OF_OURS_ONLY, ids=named)
def test_given_a_page_then_the_files_modules_and_targets_it_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE))
    folders = "scheduler_defs|tests|docs|benchmarks|deploy|resources|sensors|demo"
    paths = set(re.findall(rf"[`(\s]((?:{folders})/[\w/.-]*\w)", text))
    modules = set(re.findall(r"python -m ((?:tests|benchmarks|demo|scheduler_defs)[\w.]*\w)", text))
    assert {each for each in paths if not (PROJECT_ROOT / each).exists()} == set()
    assert {each for each in modules if not is_module(each)} == set()
    assert set(re.findall(r"`make ([a-z-]+)", text)) - targets == set()


def is_module(name: str) -> bool:
    path = PROJECT_ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


ELSEWHERE = re.compile(r": there is no (?:location|alert channel|file|budget|quota) ")
"""What an example may name that stands in another one, or in a folder beside it."""


def test_given_a_page_then_its_declarations_have_no_faults(page: Path, tmp_path: Path) -> None:
    faults: list[str] = []
    for _, language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "yaml" and not block.startswith("# defs.yaml"):
            declared = set(re.findall(r"^  ([\w-]+): *(?:\{command|$)", block, re.MULTILINE))
            jobs = set(re.findall(r"job: ([\w-]+)", block)) - declared
            (tmp_path / "page.yaml").write_text(block)
            faults += [str(each) for each in load(tmp_path, known_jobs=jobs).problems]
    assert [each for each in faults if not ELSEWHERE.search(each)] == []


def leaves(found: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(found, "commands", None) or {}
    if not below or found.invoke_without_command:
        yield path, found
    for name, each in below.items():
        yield from leaves(each, (*path, name))


def all_commands() -> dict[tuple[str, ...], Any]:
    return {path: found for name in COMMANDS for path, found in leaves(program(name).commands[name], (name,))}


def test_given_the_program_then_each_of_its_commands_is_on_the_page_of_the_command() -> None:
    text = FENCE.sub("", (DOCS / "cli.md").read_text(encoding="utf-8"))
    lines = [
        set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`]+)`", each)))) for each in paragraphs(text)
    ]
    assert [" ".join(path) for path in all_commands() if not any(set(path) <= words for words in lines)] == []


def paragraphs(text: str) -> Iterator[str]:
    """Rows of tables by themselves, all else as it hangs together."""
    for part in text.split("\n\n"):
        yield from part.splitlines() if part.startswith("|") else [part]


def test_given_the_program_then_all_that_reads_prints_json_but_for_what_the_page_names() -> None:
    without = {
        " ".join(path)
        for path, found in all_commands().items()
        if not any("--json" in each.opts for each in found.params)
    }
    acting = {"up", "down", "open", "completion", "mcp"} | {
        f"people {each}" for each in ("add", "password", "remove", "log-out")
    }
    named = {"env", "tasks logs", "tasks follow", "audit export"}
    assert without == acting | named
    (sentence,) = re.findall(r"Without it are only (.*?)\n- ", (DOCS / "cli.md").read_text(), re.DOTALL)
    assert set(re.findall(r"`([^`]+)`", sentence)) == named


def test_given_the_program_then_tables_with_local_times_name_their_zone() -> None:
    sources = {
        path: path.read_text(encoding="utf-8") for path in (PROJECT_ROOT / "scheduler_defs/cli").rglob("*.py")
    }
    shown = [path for path, text in sources.items() if "local_time(" in text and "print_table(" in text]
    assert len(shown) > 10
    assert [str(path) for path in shown if "here(" not in sources[path]] == []
