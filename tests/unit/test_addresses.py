"""Links from a run in Dagster's UI, whatever its tags say."""

from __future__ import annotations

import pytest

from scheduler_defs import tags
from scheduler_defs.addresses import PAGE, TASK_PAGE, of_run


def test_given_a_run_of_a_task_then_both_have_a_link() -> None:
    found = of_run("r", {tags.TASK: "17"})
    assert found[PAGE].endswith("/runs/r")
    assert found[TASK_PAGE].endswith("/tasks/17")


@pytest.mark.parametrize("task", ["", "x", "-1", "1.5", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_given_a_tag_that_is_no_number_then_the_run_alone_has_one(task: str) -> None:
    assert list(of_run("r", {tags.TASK: task})) == [PAGE]
