"""docs/retention.md: why a run that was due to go stays."""

from __future__ import annotations

import re

from scheduler_defs.execution.pruning import runs
from scheduler_defs.settings import PROJECT_ROOT


def test_given_the_reasons_to_keep_a_run_then_the_page_has_each_and_no_other() -> None:
    page = (PROJECT_ROOT / "docs" / "retention.md").read_text(encoding="utf-8")
    table = page[page.index("| reason |") : page.index("So Dagster's asset history")]
    written = {
        name
        for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    sql = (PROJECT_ROOT / "scheduler_defs/execution/pruning/sql/pruning.sql").read_text(encoding="utf-8")
    assert written == {*re.findall(r"THEN '(\w+)'", sql), *runs._LASTS.values(), "run_key"}
