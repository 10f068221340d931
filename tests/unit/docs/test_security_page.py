"""SECURITY.md: what it promises of the whole program is so in all of it."""

from __future__ import annotations

import re

import yaml

from scheduler_defs.settings import PROJECT_ROOT

ROOMS = ("scheduler_defs", "sensors", "resources", "signalbox", "recipes", "demo")
SHELL = re.compile(r"shell=True|os\.system\(|os\.popen\((?!\"[^\"{]*\"\))|getoutput|create_subprocess_shell")
"""A text that holds nothing from elsewhere may pass through one: `ps`, where there is no /proc."""


def test_given_the_settings_of_dagster_then_nothing_is_told_to_its_makers() -> None:
    told = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    assert (told["telemetry"]["enabled"], told["nux"]["enabled"]) == (False, False)


def test_given_the_program_then_no_command_passes_through_a_shell() -> None:
    sources = [path for room in ROOMS for path in (PROJECT_ROOT / room).rglob("*.py")]
    assert len(sources) > 500
    assert [str(path) for path in sources if SHELL.search(path.read_text(encoding="utf-8"))] == []
