"""docs/reference/environment.md: it is current, and it has every variable that the program names."""

from __future__ import annotations

import re

from scheduler_defs.declarations.published import environment
from scheduler_defs.settings import PROJECT_ROOT

_NAME = re.compile(r"\b_?SIGNALBOX_[A-Z_]+[A-Z]\b")
_HERE = "environment.py"


def named() -> set[str]:
    """What the program names, apart from the table itself."""
    found: set[str] = set()
    for room in ("scheduler_defs", "resources", "sensors", "signalbox"):
        for path in (PROJECT_ROOT / room).rglob("*.py"):
            if path.parent.name != "published" or path.name != _HERE:
                found.update(_NAME.findall(path.read_text(encoding="utf-8")))
    return found


def test_given_the_table_then_the_page_is_current() -> None:
    assert environment.PAGE.read_text(encoding="utf-8") == environment.page(), "run `make schemas`"


def test_given_what_the_program_names_then_each_variable_is_on_the_page_once_and_no_other() -> None:
    parts = (environment.READ, environment.FOR_JOBS, environment.FOR_AGENTS, environment.INSIDE)
    listed = [name for part in parts for name in part if "SIGNALBOX_" in name]
    assert sorted(listed) == sorted(named())
