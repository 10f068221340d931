"""What `up` shows without a terminal."""

from __future__ import annotations

from dataclasses import replace

from scheduler_defs.stack.health.outlook import Outlook
from scheduler_defs.stack.machine.record import ComponentRecord, StackRecord, State
from scheduler_defs.stack.supervising.display import Lines, line, table

SINCE = "2026-01-01T00:00:00.000+00:00"
POSTGRES = ComponentRecord("postgres", State.STARTING, 8, 1.0, SINCE, 0, "/run/pg", "refused")
STACK = StackRecord("id", 7, SINCE, False, "http://127.0.0.1:3000", {}, (POSTGRES,))


def with_component(**changes: object) -> StackRecord:
    return replace(STACK, components=(replace(POSTGRES, **changes),))  # type: ignore[arg-type]


def test_given_changes_then_each_state_is_said_once_and_readiness_once() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    lines(with_component(state=State.WAITING, pid=None))
    lines(STACK)
    lines(with_component(detail="still refused"))
    healthy = with_component(state=State.HEALTHY, detail="")
    lines(healthy)
    lines(replace(healthy, ready=True))
    lines(replace(healthy, ready=True))
    assert [text.split(" ", 1)[1] for text in said] == [
        "postgres     starting    pid 8",
        "postgres     healthy     pid 8  /run/pg",
        "http://127.0.0.1:3000",
    ]


def test_given_a_restart_then_its_reason_is_said() -> None:
    record = replace(
        POSTGRES, state=State.RESTARTING, pid=None, restarts=1, detail="ended with signal SIGKILL"
    )
    assert line(record) == "postgres     restarting  ended with signal SIGKILL"


def test_given_a_stack_then_the_table_shows_component_and_problem() -> None:
    from rich.console import Console

    console = Console(width=120)
    with console.capture() as captured:
        console.print(table(STACK, Outlook(problems=("config/jobs.yaml:1:1: [bad]",))))
    text = captured.get()
    assert "postgres" in text
    assert "refused" in text
    assert "config/jobs.yaml:1:1: [bad]" in text
