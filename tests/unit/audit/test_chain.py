"""The chain: what a hash covers, and what a walk finds."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.audit.chain import START, Link, Problem, canonical, entry_hash, problems

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), _VALUES, max_size=5))
def test_given_any_document_then_it_is_canonical_by_rfc_8785(document: dict[str, Any]) -> None:
    assert canonical(document) == rfc8785.dumps(document)


def chain(count: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    previous = START
    for sequence in range(1, count + 1):
        content = {
            "at": dt.datetime(2026, 3, 1, 8, 0, 0, sequence, tzinfo=dt.UTC),
            "actor": "ada",
            "channel": "cli",
            "action": "schedule.paused",
            "subject": f"schedule:s{sequence}",
            "reason": None,
            "request_id": None,
            "run_id": None,
            "before": None,
            "after": {"n": sequence},
        }
        rows.append(
            {
                **content,
                "sequence": sequence,
                "previous": previous,
                "hash": entry_hash(sequence, previous, content),
            }
        )
        previous = rows[-1]["hash"]
    return rows


def found(rows: list[dict[str, Any]], pinned: dict[int, str] | None = None) -> list[tuple[int | None, str]]:
    return [
        (step.sequence, step.problem)
        for step in problems(rows, Link(0, START), pinned)
        if isinstance(step, Problem)
    ]


def test_given_an_untouched_chain_then_nothing_is_wrong_and_the_end_is_named() -> None:
    rows = chain(5)
    assert list(problems(rows, Link(0, START))) == [Link(5, rows[-1]["hash"])]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor", "eve"),
        ("reason", "none"),
        ("after", {"n": 99}),
        ("at", dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)),
    ],
)
def test_given_an_edited_entry_then_it_is_named(field: str, value: object) -> None:
    rows = chain(5)
    rows[2][field] = value
    assert found(rows) == [(3, "edited")]


def test_given_a_removed_entry_then_it_is_named() -> None:
    rows = chain(5)
    del rows[2]
    assert found(rows) == [(3, "removed")]


def test_given_an_inserted_entry_then_it_is_named() -> None:
    rows = chain(5)
    rows.insert(3, dict(rows[2]))
    assert (3, "inserted") in found(rows)


def test_given_two_entries_in_each_others_place_then_both_are_named() -> None:
    rows = chain(5)
    rows[1]["sequence"], rows[2]["sequence"] = 3, 2
    rows[1], rows[2] = rows[2], rows[1]
    assert {sequence for sequence, _ in found(rows)} >= {2, 3}


def test_given_a_chain_written_anew_from_an_edit_on_then_a_checkpoint_finds_it() -> None:
    rows = chain(5)
    known = {5: rows[4]["hash"]}
    again = chain(5)
    again[1]["actor"] = "eve"
    previous = again[0]["hash"]
    for row in again[1:]:
        row["previous"] = previous
        row["hash"] = previous = entry_hash(row["sequence"], previous, row)
    assert found(again) == []
    assert found(again, known) == [(5, "rewritten")]
