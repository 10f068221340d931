"""docs/jobs.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from scheduler_defs.declarations import load
from scheduler_defs.jobs.commands.running.env import BASE
from scheduler_defs.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "jobs.md").read_text()


def test_given_the_examples_they_have_no_faults(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert examples
    for number, example in enumerate(examples):
        config = tmp_path / str(number) / "config"
        config.mkdir(parents=True)
        (config / "jobs.yaml").write_text(example)

        assert load(config).problems == ()


def test_given_the_base_environment_the_page_names_all_of_it() -> None:
    assert {name for name in BASE if f"`{name}`" not in PAGE} == set()
