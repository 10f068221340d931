"""The line that says why a run failed."""

from __future__ import annotations

from scheduler_defs.execution.failure import one_line


def test_given_a_message_of_many_lines_then_the_tag_is_one_line_that_fits() -> None:
    assert one_line("the signal\n  is\tred ") == "the signal is red"
    assert len(one_line("x" * 2_000)) == 500


def test_given_a_command_that_printed_a_secret_then_the_tag_does_not_have_it() -> None:
    line = one_line("exit code 1: connecting with password=hunter2 to postgres://ann:geheim@db/prod")
    assert "hunter2" not in line
    assert "geheim" not in line
    assert line.startswith("exit code 1: connecting with password=")
