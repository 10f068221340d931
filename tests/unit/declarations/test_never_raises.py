"""Whatever the files say, loading them answers with faults and never with an exception."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler_defs.declarations.loading import BUILTIN_JOBS, build
from scheduler_defs.declarations.reading.sources import Sources
from scheduler_defs.declarations.written.agents import AgentEntry, TaskQueueEntry
from scheduler_defs.declarations.written.jobs import JobEntry
from scheduler_defs.declarations.written.others import AlertsEntry, DirectiveEntry, LimitEntry
from scheduler_defs.declarations.written.schedules import ScheduleDefaults, ScheduleEntry
from scheduler_defs.settings import PROJECT_ROOT
from tests.unit.declarations.yards import NOW

YARD = b"\n".join(path.read_bytes() for path in sorted((PROJECT_ROOT / "config").glob("*.yaml")))
MODELS = {
    "schedules": ScheduleEntry,
    "jobs": JobEntry,
    "limits": LimitEntry,
    "directives": DirectiveEntry,
    "agents": AgentEntry,
    "defaults": ScheduleDefaults,
    "task_queue": TaskQueueEntry,
    "alerts": AlertsEntry,
}
WORDS = st.sampled_from(
    [
        "log_triage",
        "10m",
        "90s",
        "0 2 * * *",
        "UTC",
        "Mars",
        "2026-01-01",
        "skip",
        "a",
        "",
        "*",
        "{params.x}",
        "yes",
        "~",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**30)
    | st.floats(allow_nan=False)
    | WORDS
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["a", "subject", "op", "value", "all", "not", "max_attempts", "command", "type", "limit"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def load_bytes(data: bytes, recipes: Path = PROJECT_ROOT / "recipes") -> int:
    found = build(
        Sources({"a.yaml": data}, {}), known_jobs=BUILTIN_JOBS, recipes=recipes, now=NOW, label="config"
    )
    assert all(problem.line >= 1 and problem.column >= 1 for problem in found.problems)
    assert all(problem.message and "\n" not in str(problem) for problem in found.problems)
    return len(found.problems)


@st.composite
def yards(draw: st.DrawFn) -> dict[str, Any]:
    yard: dict[str, Any] = {}
    for kind in draw(st.lists(st.sampled_from(sorted(MODELS)), min_size=1, max_size=3, unique=True)):
        keys = st.sampled_from([*MODELS[kind].model_fields, "oops"])
        entry = st.dictionaries(keys, VALUES, max_size=5) | VALUES
        single = kind in ("defaults", "task_queue", "alerts")
        yard[kind] = draw(entry if single else st.dictionaries(WORDS, entry, max_size=2) | VALUES)
    return yard


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(yards())
def test_given_any_values_anywhere_when_loaded_then_there_are_faults_or_none_but_no_exception(
    yard: dict[str, Any],
) -> None:
    load_bytes(json.dumps(yard).encode())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_given_a_yard_with_bytes_changed_when_loaded_then_there_is_no_exception(data: st.DataObject) -> None:
    changed = bytearray(YARD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    load_bytes(bytes(changed))


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b"\x00", b"%YAML 1.1\n---\na: b", b"--- !!map {}", b"&a a: *a", b"!x y"]
)
def test_given_odd_bytes_when_loaded_then_there_is_a_fault(data: bytes) -> None:
    assert load_bytes(data) >= 1
