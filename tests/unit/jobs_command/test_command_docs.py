"""docs/jobs.md says what is so."""

from __future__ import annotations

from scheduler_defs.jobs.commands.running.env import BASE
from scheduler_defs.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "jobs.md").read_text()


def test_given_the_base_environment_the_page_names_all_of_it() -> None:
    assert {name for name in BASE if f"`{name}`" not in PAGE} == set()
