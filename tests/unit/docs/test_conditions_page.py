"""docs/schedules/conditions.md: its tables are those of the program."""

from __future__ import annotations

import re

from scheduler_defs.conditions import registry
from scheduler_defs.conditions.evaluating import DEADLINE
from scheduler_defs.conditions.watchdog import Watchdog
from scheduler_defs.declarations.models.conditions import Operator
from scheduler_defs.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "schedules" / "conditions.md").read_text()


def test_given_the_probes_then_the_table_has_each_with_its_kind_and_no_other() -> None:
    rows = re.findall(r"^\| `([^`:\[]+)[^`]*` \| (\w+) \|", PAGE, re.MULTILINE)
    own = {
        name: probe.kind
        for name, probe in registry.probes().items()
        if probe.read.__module__.startswith("scheduler_defs.")
    }
    # One may have two rows, for two ways to write its argument.
    assert dict(rows) == own


def test_given_the_operators_then_the_page_has_each_and_no_other() -> None:
    (table,) = re.findall(r"^\| `op` \|.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    first = " ".join(line.split("|")[1] for line in table.splitlines()[2:] if line)
    assert sorted(re.findall(r"`(\w+)`", first)) == sorted(each.value for each in Operator)


def test_given_the_numbers_on_the_page_then_they_are_those_in_force() -> None:
    assert f"A check has {DEADLINE.seconds} seconds in all" in PAGE
    assert f"most {Watchdog()._most_hanging} may hang" in " ".join(PAGE.split())
