"""docs/reference/declarations.md: its tables are current, its examples are good, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scheduler_defs.declarations.published import reference
from tests.unit.declarations.yards import lines, load_yard

PAGE = reference.PAGE.read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_given_the_models_when_tables_are_made_then_the_page_has_them() -> None:
    assert reference.filled(PAGE) == PAGE, "run `make schemas`"


@pytest.mark.parametrize("text", EXAMPLES)
def test_given_an_example_when_checked_then_it_has_no_faults(tmp_path: Path, text: str) -> None:
    assert lines(load_yard(tmp_path, text)) == []


def test_given_the_links_when_followed_then_each_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _, heading = target.partition("#")
        page = reference.PAGE.parent / path if path else reference.PAGE
        assert page.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", each.strip().lower()).replace(" ", "-") for each in headings}
            assert heading in slugs, target


def test_given_every_table_that_could_be_when_looked_for_then_the_page_has_it() -> None:
    from scheduler_defs.declarations.published.schemas import schemas

    shown = set(re.findall(r"<!-- keys: \w+ (\w+)", PAGE))
    entries = {
        name
        for schema in schemas().values()
        for name, each in schema["definitions"].items()
        if "properties" in each
    }
    assert entries == shown
