"""Whoever waits is told that something is being done: on a terminal, and not before he would wonder."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from scheduler_defs.cli.terminal.progress import working
from tests.patience import wait_until


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_given_work_that_takes_longer_than_the_patience_then_a_bar_is_shown(console: Console) -> None:
    with working("dumping the database", patience_seconds=0, console=console):
        wait_until(lambda: "dumping the database" in said(console))
        wait_until(lambda: "0:00:0" in said(console))


def test_given_work_that_is_done_at_once_then_nothing_is_shown(console: Console) -> None:
    with working("dumping the database", patience_seconds=60, console=console):
        pass
    assert "dumping" not in said(console)


def test_given_no_terminal_then_nothing_is_shown() -> None:
    file = Console(file=io.StringIO(), width=80)
    with working("dumping the database", patience_seconds=0, console=file):
        pass
    assert said(file) == ""


def test_given_work_that_fails_then_the_bar_ends_and_the_error_goes_on(console: Console) -> None:
    with pytest.raises(ZeroDivisionError), working("dividing", patience_seconds=0, console=console):
        wait_until(lambda: "dividing" in said(console))
        raise ZeroDivisionError
