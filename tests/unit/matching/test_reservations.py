"""Paths that tasks reserve: what overlaps, and that a pass never gives out two tasks for the same file."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs.agents.deciding import AgentView, Candidate, Policy, demand, match, rank
from scheduler_defs.agents.deciding.matching.reservations import (
    Hidden,
    Reservation,
    Reserved,
    hidden,
    overlap,
)
from tests.unit.matching.cases import NOW, agent, task

names = st.text("ab*?", min_size=1, max_size=3).filter(lambda name: "**" not in name)
globs = st.lists(st.one_of(names, names, st.just("**")), min_size=1, max_size=3).map("/".join)
files = st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


def claims(glob: str, path: str) -> bool:
    """Whether the glob matches the file, or a folder that it is in: written anew, as a regular expression."""
    pattern = "/".join(
        name.replace("*", "[^/]*").replace("?", "[^/]") for name in glob.split("/**")[0].split("/")
    )
    return glob.split("/")[0] == "**" or re.fullmatch(f"{pattern}(/.*)?", path) is not None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("src/api.py", "src/api.py", True),
        ("src/api.py", "src/web.py", False),
        ("src", "src/api.py", True),
        ("src/**", "src/api/users.py", True),
        ("src/api/**", "src/web/**", False),
        ("src/*.py", "src/*.md", False),
        ("src/*.py", "src/test_*", True),
        ("src/a?.py", "src/*b.py", True),
        ("**/*.md", "src/api.py", True),
        ("docs/**", "docsite/index.md", False),
        ("a*b*c", "*x", False),
    ],
)
def test_two_globs_overlap_when_something_is_claimed_by_both(one: str, other: str, expected: bool) -> None:
    assert (overlap(one, other), overlap(other, one)) == (expected, expected)


@settings(deadline=None)
@given(globs, globs, files)
def test_given_a_file_that_both_claim_then_the_globs_overlap(one: str, other: str, path: str) -> None:
    assert overlap(one, one)
    assert overlap(one, other) == overlap(other, one)
    if claims(one, path) and claims(other, path):
        assert overlap(one, other)


@settings(deadline=None)
@given(globs, globs)
def test_given_globs_that_overlap_then_some_file_is_claimed_by_both(one: str, other: str) -> None:
    if overlap(one, other):
        both = [
            merged(first, second)
            for first, second in zip(cut(one), cut(other), strict=False)
            if first and second
        ]
        rest = max(cut(one), cut(other), key=len)[len(both) :]
        path = "/".join([*both, *(name.replace("*", "").replace("?", "a") or "a" for name in rest)]) or "a"
        assert claims(one, path), path
        assert claims(other, path), path


def cut(glob: str) -> list[str]:
    found = glob.split("/")
    return found[: found.index("**")] if "**" in found else found


def merged(one: str, other: str) -> str:
    """The shortest name that both match, by trying."""
    letters = ["", *"ab"]
    tried = [""]
    for _ in range(7):
        for name in tried:
            if name and all(
                re.fullmatch(each.replace("*", ".*").replace("?", "."), name) for each in (one, other)
            ):
                return name
        tried = sorted({name + letter for name in tried for letter in letters}, key=len)
    raise AssertionError(f"no name for {one} and {other}")


@settings(deadline=None)
@given(st.frozensets(globs, min_size=1, max_size=3), globs)
def test_given_what_is_passed_over_when_reading_then_all_of_it_overlaps(
    taken: frozenset[str], one: str
) -> None:
    if Hidden(taken).matches(one):
        assert any(overlap(one, each) for each in taken)
    assert all(Hidden(taken).matches(each) for each in taken)


def test_given_files_below_a_reserved_folder_then_they_are_passed_over_when_reading() -> None:
    passed = Hidden(frozenset({"src/api", "docs/*.md", "a.b/**"}))
    assert all(passed.matches(each) for each in ("src/api/x.py", "src", "docs/a.md", "**", "src/**", "a.b/c"))
    assert not any(passed.matches(each) for each in ("src/apis", "docs/a.py", "test", "axb/c"))
    assert Hidden().pattern is None


@st.composite
def queues(draw: st.DrawFn) -> list[Candidate]:
    return [
        task(
            number,
            priority=draw(st.integers(0, 5)),
            capabilities=draw(st.sampled_from([(), (), ("gpu",)])),
            paths=tuple(sorted(set(draw(st.lists(globs, max_size=2))))),
        )
        for number in range(1, draw(st.integers(0, 30)) + 1)
    ]


pools = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(
    lambda limits: [agent(f"a{n}", limit, 0, *(["gpu"] if n else [])) for n, limit in enumerate(limits)]
)
reservations = st.lists(globs, max_size=2).map(lambda found: [Reservation(900, (each,)) for each in found])


@settings(deadline=None)
@given(queues(), pools, reservations)
def test_given_anything_when_matching_then_no_two_tasks_have_the_same_file(
    tasks: list[Candidate], agents: list[AgentView], reserved: list[Reservation]
) -> None:
    by_id = {each.id: each for each in tasks}
    decided = match(tasks, agents, now=NOW, policy=Policy(), reserved=reserved)
    going = [each.paths for each in reserved] + [by_id[each.task].paths for each in decided.placed]
    for place, paths in enumerate(going[len(reserved) :], start=len(reserved)):
        assert not any(overlap(p, q) for other in going[:place] for p in paths for q in other)
    for apart in decided.kept_apart:
        assert overlap(apart.path, apart.with_path)
        assert apart.held_by == 900 or apart.held_by in {each.task for each in decided.placed}


@settings(deadline=None)
@given(queues(), pools, reservations)
def test_given_a_window_that_is_read_again_while_tasks_may_be_hidden_then_it_places_the_same(
    tasks: list[Candidate], agents: list[AgentView], reserved: list[Reservation]
) -> None:
    def look(passed_over: Hidden) -> list[Candidate]:
        found: list[Candidate] = []
        for each in sorted(tasks, key=lambda task: rank(task, Policy(), NOW)):
            enough = sum(other.kind == each.kind for other in found) >= demand(agents, each.kind, NOW)
            if not enough and not any(passed_over.matches(path) for path in each.paths):
                found.append(each)
        return found

    whole = match(tasks, agents, now=NOW, policy=Policy(), reserved=reserved)
    passed_over: Hidden | None = Hidden(frozenset(path for each in reserved for path in each.paths))
    window: dict[int, Candidate] = {}
    decided = match((), agents, now=NOW, policy=Policy())
    for _ in range(len(tasks) + 1):
        window |= {each.id: each for each in look(passed_over)}
        decided = match(window.values(), agents, now=NOW, policy=Policy(), reserved=reserved)
        placed = [each.task for each in decided.placed]
        passed_over = hidden(reserved, window, placed, decided.kept_apart, passed_over)
        if passed_over is None:
            break
    assert passed_over is None
    assert decided.placed == whole.placed


@given(st.lists(st.lists(globs, min_size=1, max_size=3), max_size=6), st.lists(globs, min_size=1, max_size=3))
def test_given_any_reservations_then_a_task_is_kept_apart_exactly_when_two_globs_overlap(
    given_out: list[list[str]], wanted: list[str]
) -> None:
    reserved = Reserved([Reservation(number, tuple(paths)) for number, paths in enumerate(given_out)])
    found = reserved.refusal(99, tuple(wanted))
    holders = [
        number
        for number, paths in enumerate(given_out)
        if any(overlap(one, other) for one in wanted for other in paths)
    ]
    assert (None if found is None else found.held_by) == next(iter(holders), None)
    assert found is None or overlap(found.path, found.with_path)
