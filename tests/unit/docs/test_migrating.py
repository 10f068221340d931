"""The migration pages name all that the runbooks of the old systems name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs.runbooks import NAMED

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("page", NAMED)
def test_all_that_the_old_runbook_names_has_a_row(page: str) -> None:
    text = (DOCS / f"migrating-from-{page}.md").read_text(encoding="utf-8")
    left = [re.split(r"(?<!\\)\|", line)[1] for line in text.splitlines() if line.startswith("| ")]
    named = " ".join(left).lower()
    assert [each for each in NAMED[page] if each.lower() not in named] == []
