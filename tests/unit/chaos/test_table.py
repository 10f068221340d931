"""Which fault is next, and the table that is made of what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.chaos.table.kinds import KINDS
from tests.chaos.table.saved import append, fewest, rounds, summary, table

A, B, C = KINDS[:3]


def _round(fault: str, well: float | None, wrong: dict[str, list[str]] | None = None) -> dict[str, Any]:
    return {
        "fault": fault,
        "well_seconds": well,
        "worker_lost": 1,
        "runs": 10,
        "commands": 12,
        "load": 2.0,
        "wrong": wrong or {},
    }


def test_the_fault_with_the_fewest_rounds_is_next_until_all_have_had_theirs() -> None:
    saved: list[dict[str, Any]] = []
    order: list[str] = []
    while kind := fewest((A, B, C), saved, 2):
        order.append(kind.name)
        saved.append(_round(kind.name, 1.0))
    for half in (order[:3], order[3:]):
        assert sorted(half) == sorted((A.name, B.name, C.name))
    assert len(order) == 6


def test_a_round_that_broke_off_is_none() -> None:
    saved = [_round(A.name, 1.0), *[_round(A.name, None, {"broken": ["the machine was busy"]})] * 5]
    assert fewest((A,), saved, 2) is A
    assert fewest((A,), [*saved, _round(A.name, 1.0)], 2) is None


def test_given_a_file_that_several_have_written_then_all_rounds_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rounds.jsonl"
    assert rounds(path) == []
    for well in (1.0, 2.0):
        append(path, _round(A.name, well))
    assert [each["well_seconds"] for each in rounds(path)] == [1.0, 2.0]


def test_the_table_has_median_and_longest_and_counts_what_was_wrong_and_leaves_out_what_broke_off() -> None:
    saved = [
        _round(A.name, 4.0),
        _round(A.name, 10.0),
        _round(A.name, None, {"lost": ["x"], "stuck": ["y", "z"]}),
        _round(A.name, None, {"broken": ["the machine was busy"]}),
    ]
    (line,) = [line for line in table(KINDS, saved).splitlines() if line.startswith(f"| {A.name} ")]
    assert "| 3 | 7.0 s, 10.0 s | 3 | 1, 0, 2 |" in line
    assert "lost 1, doubled 0, stuck 2, broken 1" in summary(saved)


def test_each_fault_has_a_name_of_its_own() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
